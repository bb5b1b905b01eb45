"""What stands for several actions of a schedule that are run as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from rnnbp.actions import Action, Backward, Record


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Actions of one kind, on ``count`` chunks: Records from n on, or Backwards from n down."""

    kind: type[Record] | type[Backward]
    n: int
    count: int


Step: TypeAlias = Action | Stretch


def stretches(actions: Iterable[Action], most: int) -> Iterator[Step]:
    """The actions, with stretches of at most ``most`` chunks in place of those that they stand for.

    The first Backward of a row of them stays: it brings the deltas that the others find.
    """
    row, alone = list[Action](), False
    for action in actions:
        follows = bool(row) and _follows(row[-1], action)
        if not follows or len(row) == most + alone:
            yield from _joined(row, alone=alone)
            row, alone = [], isinstance(action, Backward) and not follows
        row.append(action)
    yield from _joined(row, alone=alone)


def _follows(last: Action, action: Action) -> bool:
    """True if two actions can be of one stretch."""
    match last, action:
        case Record(n), Record(after):
            return after == n + 1
        case Backward(n), Backward(after):
            return after == n - 1
    return False


def _joined(row: Sequence[Action], *, alone: bool) -> Iterator[Step]:
    """A row as one, the first of it apart where that is to be ``alone``."""
    yield from row[:alone]
    rest = row[alone:]
    if len(rest) > 1 and isinstance(rest[0], Record | Backward):
        yield Stretch(type(rest[0]), rest[0].n, len(rest))
    else:
        yield from rest
