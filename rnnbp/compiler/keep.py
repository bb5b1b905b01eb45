"""Decides what the tape keeps of a step for backward, and what backward computes again because that
is cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnbp.compiler.code import Code, Op
from rnnbp.compiler.operations import POINTWISE, VIEWS
from rnnbp.compiler.rewrite.stacking import bases


def keep(
    forward: Code, backward: Code, *earlier: Code, cheap: bool
) -> tuple[Code, tuple[int, ...]]:
    """The backward code with what it computes again, and the values of the forward code that the
    tape keeps.

    Args:
        earlier: codes that ``forward`` came from, whose views backward may take. cheap: whether
            pointwise operations on values at hand are computed again rather than kept.
    """
    viewed = _with_views(forward, *earlier)
    found, kept = _chosen(viewed, backward, cheap=cheap)
    return found, _in_forward(kept, forward, viewed)


def _in_forward(kept: Sequence[int], forward: Code, viewed: Code) -> tuple[int, ...]:
    """Values that the forward code has: in place of views that backward alone takes, what they are
    parts of.

    Where one half of a joined gate has no delta, backward needs the other half, which forward never
    names.
    """
    known, where = {*forward.made, *forward.inputs}, bases(viewed)
    return tuple(dict.fromkeys(v if v in known else where[v][0] for v in kept))


def _with_views(forward: Code, *codes: Code) -> Code:
    """The forward code with the views of codes that it came from: backward may take some that it
    needs no more.
    """
    known, views = set(forward.made), list[Op]()
    for op in (op for code in codes for op in code.ops if op.name in VIEWS):
        if op.out not in known:
            known.add(op.out)
            views.append(op)
    return replace(forward, ops=(*forward.ops, *views))


def _chosen(forward: Code, backward: Code, *, cheap: bool) -> tuple[Code, tuple[int, ...]]:
    """The backward code with what it computes again, and the values kept."""
    made_again: list[Op] = []
    again = set[int]()
    kept: dict[int, list[tuple[int, int]]] = {}
    where = bases(forward)
    there = {v for v in (*forward.inputs, *forward.outputs[1:]) if v is not None}

    def rows(v: int) -> tuple[int, int, int]:
        base, row = where.get(v, (v, 0))
        return base, row, row + forward.values.rows(v)

    def at_hand(v: int) -> bool:
        base, a, b = rows(v)
        held = any(s <= a and b <= e for s, e in kept.get(base, ()))
        return base in there or v in there or base in again or held

    needed = {
        v
        for op in backward.ops
        for v in op.args
        if v not in backward.made and v not in backward.inputs
    }
    order = {v: k for k, op in enumerate(forward.ops) for v in op.outs}
    for v in sorted(needed, key=lambda v: (order.get(where.get(v, (v, 0))[0], -1), rows(v))):
        made = forward.made.get(where.get(v, (v, 0))[0])
        if at_hand(v) or made is None:
            continue
        if cheap and made.name in POINTWISE and all(at_hand(a) for a in made.args):
            made_again.append(made)
            again.update(made.outs)
        else:
            base, a, b = rows(v)
            kept.setdefault(base, []).append((a, b))
    rows_kept = [(base, a, b) for base, rows in kept.items() for a, b in rows]
    ops = (*_views(backward, forward, made_again), *backward.ops)
    return replace(backward, ops=ops), _values(rows_kept, forward)


def _views(backward: Code, forward: Code, made_again: list[Op]) -> list[Op]:
    """The operations to do again, with the parts of forward values that they and the backward code
    take.
    """
    known = {v for op in backward.ops for v in op.outs}
    waiting = [v for op in (*made_again, *backward.ops) for v in op.args]
    views: dict[int, Op] = {}
    while waiting:
        made = forward.made.get(v := waiting.pop())
        if made is not None and made.name in VIEWS and v not in known:
            views[v] = made
            waiting.extend(made.args)
    chosen = {id(op) for op in (*views.values(), *made_again)}
    return [op for op in forward.ops if id(op) in chosen]


def _values(kept: list[tuple[int, int, int]], forward: Code) -> tuple[int, ...]:
    """Values that are just the rows kept: neighbouring rows of a base as one."""
    found: list[tuple[int, int, int]] = []
    for base, a, b in sorted(kept):
        if found and found[-1][0] == base and a <= found[-1][2]:
            found[-1] = base, found[-1][1], max(b, found[-1][2])
        else:
            found.append((base, a, b))
    return tuple(_value(*rows, forward) for rows in found)


def _value(base: int, start: int, stop: int, forward: Code) -> int:
    if (start, stop) == (0, forward.values.rows(base)):
        return base
    where = bases(forward)
    same = (
        v
        for v, place in where.items()
        if place == (base, start) and forward.values.rows(v) == stop - start
    )
    found = next(same, None)
    return base if found is None else found
