"""What the tape keeps of a step for backward, and what backward computes again cheaply."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.drawn import DRAWN
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import CHEAP, REPEATED, VIEWS
from rnnbp.compiler.rewrite.joining import bases

Kept: TypeAlias = tuple[Code, tuple[int, ...]]
"""The backward code with what it computes again, and the forward values that the tape keeps."""


def keep(forward: Code, backward: Code, *earlier: Code, cheap: bool) -> Kept:
    """Choose what the tape keeps.

    Args:
        earlier: codes that ``forward`` came from, whose views backward may take. cheap: whether
            pointwise operations on values at hand are computed again rather than kept.
    """
    viewed = _with_views(forward, *earlier)
    found, kept = _chosen(viewed, backward, cheap=cheap)
    return found, _in_forward(kept, forward, viewed)


def _in_forward(kept: Sequence[int], forward: Code, viewed: Code) -> tuple[int, ...]:
    """Values that the forward code has: bases in place of views that backward alone takes.

    Of a joined gate with a delta of one half, backward needs the other, which forward never names.
    """
    known, where = {*forward.made, *forward.inputs}, bases(viewed)
    return tuple(dict.fromkeys(v if v in known else where[v][0] for v in kept))


def _with_views(forward: Code, *codes: Code) -> Code:
    """The forward code with views of earlier codes that it needs no more, for backward."""
    known, views = set(forward.made), list[Op]()
    for op in (op for code in codes for op in code.ops if op.name in VIEWS):
        if op.out not in known:
            known.add(op.out)
            views.append(op)
    return replace(forward, ops=(*forward.ops, *views))


class _Choice:
    """What is kept so far, and what is computed again.

    Args:
        forward: code whose values backward takes.
    """

    def __init__(self, forward: Code) -> None:
        self.forward, self.where = forward, bases(forward)
        self.there = {v for v in (*forward.inputs, *forward.nexts) if v is not None}
        drawn = {op.out for op in forward.ops if op.name == DRAWN}
        self.there |= drawn  # they are drawn again
        self.from_draws = _pointwise_of(drawn, forward)
        self.made_again: list[Op] = []
        self.again = set[int]()
        self.kept: dict[int, list[tuple[int, int]]] = {}

    def rows(self, v: int) -> tuple[int, int, int]:
        """(base, first row, row after the last) of a value."""
        base, row = self.where.get(v, (v, 0))
        return base, row, row + self.forward.values.rows(v)

    def at_hand(self, v: int) -> bool:
        """True if backward has a value already."""
        base, a, b = self.rows(v)
        held = any(s <= a and b <= e for s, e in self.kept.get(base, ()))
        there = not self.there.isdisjoint((base, v, self._unshaped(base)))
        return there or base in self.again or held

    def _unshaped(self, v: int) -> int:
        """The value that a value is in another shape, or is rows of."""
        while (made := self.forward.made.get(v)) is not None and made.name == "same":
            v = self.where.get(made.args[0], (made.args[0], 0))[0]
        return v

    def take(self, v: int, *, cheap: bool) -> None:
        """Keep a value, or compute it again where that is ``cheap``."""
        base, a, b = self.rows(v)
        made = self.forward.made.get(base)
        if self.at_hand(v) or made is None:
            return
        through = base in self.from_draws or made.name in REPEATED
        for arg in made.args if cheap and through else ():
            self.take(arg, cheap=cheap)
        if cheap and made.name in CHEAP and all(map(self.at_hand, made.args)):
            self.made_again.append(made)
            self.again.update(made.outs)
        else:
            self.kept.setdefault(base, []).append((a, b))


def _pointwise_of(given: set[int], code: Code) -> set[int]:
    """What pointwise operations make of given values alone."""
    found = set(given)
    for op in code.ops:
        if op.name in CHEAP and op.args and found.issuperset(op.args):
            found.update(op.outs)
    return found - given


def _chosen(forward: Code, backward: Code, *, cheap: bool) -> Kept:
    """The same, where the forward code has all views."""
    choice, known = _Choice(forward), {*backward.made, *backward.inputs}
    needed = {v for op in backward.ops for v in op.args if v not in known}
    order = {v: k for k, op in enumerate(forward.ops) for v in op.outs}
    for v in sorted(needed, key=lambda v: (order.get(choice.rows(v)[0], -1), choice.rows(v))):
        choice.take(v, cheap=cheap)
    rows_kept = [(base, a, b) for base, rows in choice.kept.items() for a, b in rows]
    ops = (*_views(backward, forward, choice.made_again), *backward.ops)
    return replace(backward, ops=ops), _values(rows_kept, forward)


def _views(backward: Code, forward: Code, made_again: list[Op]) -> list[Op]:
    """The operations to do again, with the parts of forward values that backward takes."""
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
    starting = (v for v, place in bases(forward).items() if place == (base, start))
    return next((v for v in starting if forward.values.rows(v) == stop - start), base)
