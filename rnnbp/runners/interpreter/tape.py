"""What the interpreter keeps of a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

from rnnbp.numerics import Array, Nest, Saved
from rnnbp.rng import Context
from rnnbp.runners.tapes import State, Tape, ThinTape


@final
@dataclass(slots=True)
class States(ThinTape):
    """The states before and after each of a chunk's steps, arrays (L + 1, B, ...)."""

    states: list[Array]

    def at(self, step: int) -> State:
        return tuple([s[step].copy() for s in self.states])

    def arrays(self) -> list[Array]:
        return list(self.states)


@final
@dataclass(slots=True)
class NodeTape(Tape):
    """The internals of a chunk of L steps, node by node.

    States (L + 1, B, ...) each; values (L, B, ...) by value number, views of inputs and states
    among them; extras by node number. ``opaque`` holds, step by step, what a layer saved
    without declaring it.
    """

    context: Context
    xs: tuple[Array, ...]
    states: list[Array]
    values: dict[int, Array] = field(default_factory=dict)
    extras: dict[int, tuple[Array, ...]] = field(default_factory=dict)
    opaque: dict[int, list[Saved]] = field(default_factory=dict)

    @property
    def length(self) -> int:
        return len(self.states[0]) - 1

    def at(self, step: int) -> State:
        return tuple([s[step].copy() for s in self.states])

    def arrays(self) -> list[Nest]:
        return [self.xs, self.states, self.values, self.extras, self.opaque]
