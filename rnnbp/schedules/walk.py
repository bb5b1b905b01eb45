"""How a policy that halves intervals becomes actions: one loop for every such policy.

To reverse an interval of chunks whose start state can be loaded: run some of it, keep what is there
(the state as a checkpoint, or the tape of the chunk just run, which ends in that state), reverse
what is right of it, release what was kept, and go on with what is left. A policy says only where to
cut.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from rnnbp.actions import Action, Advance, Backward, Drop, Load, Record, Store


class Cut(NamedTuple):
    """Run the first y chunks of an interval and cut there, with or without the tape of the last."""

    y: int
    tape: bool
    """Keep the tape of chunk y − 1 rather than the state after it as a checkpoint."""
    units: int
    """What is left for the interval right of the cut, a stored start state of its own included."""


Policy: TypeAlias = Callable[[int, int, bool], Cut]
"""(length ≥ 2, units, the start state has a slot of its own) -> where to cut the interval."""


@dataclass(slots=True)
class _Interval:
    start: int
    length: int
    units: int
    held: bool
    """Its start state may have a slot of its own; else another interval or a tape holds it."""
    stored: bool = False


def walk(
    chunks: int, units: int, policy: Policy, first: int = 0, *, stored: bool = False
) -> Iterator[Action]:
    """The actions that reverse chunks from ``first`` on, which the present state enters.

    A policy says where to cut.

    That state may be ``stored`` already; its slot is released.
    """
    present = first
    todo: list[_Interval | Action] = [_Interval(first, chunks, units, held=True, stored=stored)]
    while todo:
        item = todo.pop()
        if not isinstance(item, _Interval):
            yield item
            continue
        start = item.start
        if present != start:
            yield Load(start)
        cut = Cut(1, True, 0) if item.length == 1 else policy(item.length, item.units, item.held)
        present = start + cut.y
        rest = cut.y - cut.tape  # of the interval, once all from the cut on has been reversed
        if item.stored and not rest:
            yield Drop(start)
        elif item.held and rest and not item.stored:
            yield Store(start)
            item.stored = True
        for n in range(start, start + rest):
            yield Advance(n)
        if rest:
            todo.append(_Interval(start, rest, item.units, item.held, item.stored))
        if cut.tape:
            yield Record(present - 1)
            todo.append(Backward(present - 1))
        if item.length > cut.y:
            todo.append(_Interval(present, item.length - cut.y, cut.units, held=not cut.tape))
