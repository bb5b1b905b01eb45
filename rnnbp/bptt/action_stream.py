"""What is done before or after the actions of a run, around the stream of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, pairwise

from rnnbp.actions import Action, Advance, Drop, Keep, Load, Record, Store
from rnnbp.bptt.holdings import Holdings
from rnnbp.schedules.read_ahead import readable_ahead


def reading_ahead(actions: Iterable[Action], held: Holdings) -> Iterator[Action]:
    """Yield the actions; the slot of the next Load is read during the action before it."""
    for action, after in pairwise(chain(actions, [None])):
        assert action is not None
        if isinstance(after, Load):
            ahead = readable_ahead(action, after, held.slots.on_disk, (held.tapes, held.thin))
            if ahead is not None:
                held.slots.read_ahead(ahead)
        yield action


def preparing(actions: Iterable[Action], prepare: Callable[[int], None]) -> Iterator[Action]:
    """Yield the actions; ``prepare(n)`` is called before chunk n is run forward."""
    for action in actions:
        if isinstance(action, Advance | Keep | Record):
            prepare(action.n)
        yield action


def reporting(actions: Iterable[Action], report: Callable[[int], None]) -> Iterator[Action]:
    """Yield the actions; ``report(n)`` is called after each that runs steps of chunk n."""
    for action in actions:
        yield action
        if not isinstance(action, Store | Load | Drop):
            report(action.n)
