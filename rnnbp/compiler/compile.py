"""From a cell to its forward and backward code, with the rules applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from rnnbp.compiler import rules, scaling, stacking
from rnnbp.compiler.code import POINTWISE, Code, Op, Values
from rnnbp.compiler.gradient import differentiate
from rnnbp.compiler.lowering import lower
from rnnbp.compiler.ordering import ordered
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Shape, shown
from rnnbp.support.nearest import hint

Rule: TypeAlias = Callable[[Code], Code]

WRITTEN: dict[str, Rule] = {
    "constants": scaling.constants,
    "parts": rules.parts,
    "sums": rules.sums,
    "ordered": ordered,
}
"""Rules for the forward code, before its gradient is made."""
FORWARD: dict[str, Rule] = {
    "constants": scaling.weights,
    "scaled tanh": scaling.scaled_tanh,
    "products": stacking.products,
}
"""Rules for the forward code, after that."""
RULES = (*WRITTEN, "gathered", "scaled tanh", "products", "turned", "joined", "recomputed", "hoisted")
"""The rewrite rules by name; each can be left out."""


@dataclass(frozen=True)
class Change:
    """What a rule made of a code."""

    rule: str
    before: Code
    after: Code


@dataclass(frozen=True)
class Codes:
    """The codes of a cell: forward, backward, and the values of the forward code that the tape keeps for backward."""

    forward: Code
    backward: Code
    kept: tuple[int, ...]
    changes: tuple[Change, ...] = ()
    """What each rule did, in the order in which they were applied."""


def check_rules(without: Iterable[str]) -> frozenset[str]:
    """Names of rules. Raises ValueError for one that is not known, TypeError for text alone."""
    if without == ():
        return frozenset()
    if isinstance(without, str) or not isinstance(without, Iterable):
        raise TypeError(f"without is a collection of rules, found {shown(without)}; write as ({shown(without)},)")
    for rule in (found := tuple(without)):
        if rule not in RULES:
            raise ValueError(
                f"rule {shown(rule)} is unknown{hint(rule, RULES)}; leave out some of {', '.join(map(repr, RULES))}"
            )
    return frozenset(found)


def codes(cell: Cell, shapes: Sequence[Shape], *, without: Iterable[str] = (), lanes: bool = False) -> Codes:
    """The codes of a cell whose values have these feature shapes, without some rules.

    With ``lanes``, only sums that follow products are joined: whoever fuses pointwise operations wants lanes alike.
    """
    off, changes = check_rules(without), list[Change]()

    def apply(name: str, rule: Rule, code: Code) -> Code:
        if name in off:
            return replace(code, renamed={})
        changes.append(Change(name, code, rule(code)))
        return changes[-1].after

    forward = lower(cell, shapes, Values())
    for name, rule in WRITTEN.items():
        forward = apply(name, rule, forward)
    written, backward = forward, differentiate(forward)
    backward = apply("gathered", lambda code: rules.gathered(code, code.depending(code.inputs)), backward)
    for name, rule in FORWARD.items():
        forward = apply(name, rule, forward)
        written, backward = written.taking(forward.renamed), backward.taking(forward.renamed)
    forward = apply("constants", scaling.differences, forward)
    side_by_side = stacking.SUMS if lanes else stacking.JOINED
    whole = apply("joined", lambda code: stacking.joined(code, (), side_by_side), forward)
    forward = whole.live()
    backward = apply("turned", stacking.turned, backward)
    backward = apply("constants", lambda code: scaling.differences(scaling.constants(code)), backward)
    side_by_side = frozenset() if lanes else stacking.JOINED
    backward = apply("joined", lambda code: stacking.joined(code, [forward], side_by_side), backward).live()
    viewed = _with_views(forward, whole, written)
    found = _with_kept(viewed, backward, cheap="recomputed" not in off)
    return replace(found, forward=forward, kept=_made(found.kept, forward, viewed), changes=tuple(changes))


def _made(kept: Sequence[int], forward: Code, viewed: Code) -> tuple[int, ...]:
    """Values that the forward code has: in place of views that backward alone takes, what they are parts of.

    Where one half of a joined gate has no delta, backward needs the other half, which forward never names.
    """
    known, where = {*forward.made, *forward.inputs}, stacking.places(viewed)
    return tuple(dict.fromkeys(v if v in known else where[v][0] for v in kept))


def _with_views(forward: Code, *codes: Code) -> Code:
    """The forward code with the views of codes that it came from: backward may take some that it needs no more."""
    known, views = set(forward.made), list[Op]()
    for op in (op for code in codes for op in code.ops if op.name in ("part", "same")):
        if op.out not in known:
            known.add(op.out)
            views.append(op)
    return replace(forward, ops=(*forward.ops, *views))


def _with_kept(forward: Code, backward: Code, *, cheap: bool) -> Codes:
    """What backward needs of forward: kept, or made again from what is there."""
    made_again: list[Op] = []
    again = set[int]()
    kept: dict[int, list[tuple[int, int]]] = {}
    where = stacking.places(forward)
    there = {v for v in (*forward.inputs, *forward.outputs[1:]) if v is not None}

    def home(v: int) -> tuple[int, int, int]:
        base, row = where.get(v, (v, 0))
        return base, row, row + forward.values.rows(v)

    def at_hand(v: int) -> bool:
        base, a, b = home(v)
        held = any(s <= a and b <= e for s, e in kept.get(base, ()))
        return base in there or v in there or base in again or held

    needed = {v for op in backward.ops for v in op.args if v not in backward.made and v not in backward.inputs}
    order = {v: k for k, op in enumerate(forward.ops) for v in op.outs}
    for v in sorted(needed, key=lambda v: (order.get(where.get(v, (v, 0))[0], -1), home(v))):
        made = forward.made.get(where.get(v, (v, 0))[0])
        if at_hand(v) or made is None:
            continue
        if cheap and made.name in POINTWISE and all(at_hand(a) for a in made.args):
            made_again.append(made)
            again.update(made.outs)
        else:
            base, a, b = home(v)
            kept.setdefault(base, []).append((a, b))
    homes = [(base, a, b) for base, rows in kept.items() for a, b in rows]
    ops = (*_views(backward, forward, made_again), *backward.ops)
    return Codes(forward, replace(backward, ops=ops), _values(homes, forward))


def _views(backward: Code, forward: Code, made_again: list[Op]) -> list[Op]:
    """The operations to do again, with the parts of forward values that they and the backward code take."""
    known = {v for op in backward.ops for v in op.outs}
    waiting = [v for op in (*made_again, *backward.ops) for v in op.args]
    views: dict[int, Op] = {}
    while waiting:
        made = forward.made.get(v := waiting.pop())
        if made is not None and made.name in ("part", "same") and v not in known:
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
    where = stacking.places(forward)
    same = (v for v, place in where.items() if place == (base, start) and forward.values.rows(v) == stop - start)
    found = next(same, None)
    return base if found is None else found
