"""What a schedule holds while its actions go by, and which of them are illegal then."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

from rnnbp.actions import (
    TIERS,
    Action,
    Advance,
    Backward,
    Drop,
    Keep,
    Load,
    Rebuild,
    Record,
    Store,
    Tier,
)


class IllegalError(Exception):
    """What is wrong with the action being run."""


@final
class EngineState:
    """The engine's state, on sets of chunk numbers; one method for each kind of action.

    Args:
        lengths: steps of each chunk.
        limits: the most that may be held of slots, "ram slots", "disk slots", tapes, "thin tapes".
    """

    def __init__(self, lengths: list[int], limits: dict[str, int | None]) -> None:
        self.lengths = lengths
        self.limits = {name: math.inf if limit is None else limit for name, limit in limits.items()}
        self.present = 0
        self.left = len(lengths)
        self.slots: dict[int, Tier] = {}
        self.tapes: set[int] = set()
        self.thin: set[int] = set()
        self.in_tier = dict.fromkeys(TIERS, 0)
        self.peaks = dict.fromkeys(limits, 0)
        self.writes, self.reads = dict.fromkeys(TIERS, 0), dict.fromkeys(TIERS, 0)
        self.steps = self.rebuilt_steps = 0
        self.handlers: dict[type, Callable[[Action], None]] = {
            Advance: self.advance, Record: self.record, Keep: self.keep, Rebuild: self.rebuild,
            Store: self.store, Load: self.load, Drop: self.drop, Backward: self.backward,
        }  # fmt: skip

    def advance(self, action: Action) -> None:
        self.enters(action.n)
        self.present += 1
        self.steps += self.lengths[action.n]

    def record(self, action: Action) -> None:
        self.advance(action)
        if action.n in self.tapes:
            raise IllegalError(f"this tape is held already; Backward({action.n}) first")
        self.tapes.add(action.n)
        self.hold("tapes", len(self.tapes))

    def keep(self, action: Action) -> None:
        self.advance(action)
        if action.n in self.thin:
            raise IllegalError(f"this thin tape is held already; Rebuild({action.n}) first")
        self.thin.add(action.n)
        self.hold("thin tapes", len(self.thin))

    def rebuild(self, action: Action) -> None:
        if action.n not in self.thin:
            raise IllegalError(f"no thin tape of this chunk is held; Keep({action.n}) first")
        if action.n in self.tapes:
            raise IllegalError(
                f"its thin tape would replace the tape held; Backward({action.n}) first"
            )
        self.thin.remove(action.n)
        self.tapes.add(action.n)
        self.rebuilt_steps += self.lengths[action.n]
        self.hold("tapes", len(self.tapes))

    def store(self, action: Action) -> None:
        assert isinstance(action, Store)
        n, tier = action.n, action.tier
        self.enters(n)
        if n in self.slots:
            raise IllegalError(f"this checkpoint is stored already; Drop({n}) first")
        if tier not in TIERS:
            raise IllegalError(f"there is no tier {tier!r}; use {' or '.join(map(repr, TIERS))}")
        self.slots[n] = tier
        self.in_tier[tier] += 1
        self.writes[tier] += 1
        self.hold("slots", len(self.slots))
        self.hold(f"{tier} slots", self.in_tier[tier])

    def load(self, action: Action) -> None:
        n, tier = action.n, self.slots.get(action.n)
        in_tape = n in self.tapes or n in self.thin or n - 1 in self.tapes or n - 1 in self.thin
        if tier is None and not in_tape:
            raise IllegalError(f"no slot holds this checkpoint, nor does a tape; Store({n}) first")
        if tier is not None and not (tier == "disk" and in_tape):
            self.reads[tier] += 1
        self.present = n

    def drop(self, action: Action) -> None:
        if action.n not in self.slots:
            raise IllegalError(f"no slot holds this checkpoint to release; Store({action.n}) first")
        self.in_tier[self.slots.pop(action.n)] -= 1

    def backward(self, action: Action) -> None:
        if action.n != self.left - 1:
            raise IllegalError(f"chunks go backward in order, next is {self.left - 1}")
        if action.n not in self.tapes:
            raise IllegalError(f"no tape of this chunk is held; Record({action.n}) first")
        self.tapes.remove(action.n)
        self.left = action.n

    def enters(self, n: int) -> None:
        if n != self.present:
            raise IllegalError(f"the present state enters chunk {self.present}; Load({n}) first")

    def hold(self, what: str, count: int) -> None:
        if count > self.peaks[what]:
            self.peaks[what] = count
            if count > self.limits[what]:
                raise IllegalError(
                    f"{count} {what} would be held, {self.limits[what]} are allowed; release one "
                    "first"
                )
