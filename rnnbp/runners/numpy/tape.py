"""What a step program keeps of a chunk, features first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.numerics import Array, Nest, Shape
from rnnbp.rng import Context
from rnnbp.runners.numpy.opaque import OpaqueRun
from rnnbp.runners.tapes import CutTape, State, ThinTape


@final
@dataclass(slots=True)
class States(ThinTape):
    """The states around each of a chunk's steps: arrays (L + 1, features, B), of feature shapes."""

    states: list[Array]
    shapes: tuple[Shape, ...]

    def at(self, step: int) -> State:
        return tuple(
            [batch_first(s[step], shape) for s, shape in zip(self.states, self.shapes, strict=True)]
        )

    def arrays(self) -> list[Array]:
        return list(self.states)


@final
@dataclass(slots=True)
class ProgramTape(CutTape):
    """The internals of a chunk: inputs, states, buffers (L, rows, B) and opaque layers."""

    context: Context
    xs: tuple[Array, ...]
    states: States
    buffers: dict[str, Array]
    opaque: dict[str, OpaqueRun]

    @property
    def length(self) -> int:
        return len(self.states.states[0]) - 1

    def at(self, step: int) -> State:
        return self.states.at(step)

    def arrays(self) -> list[Nest]:
        saved = (run.arrays() for run in self.opaque.values())
        return [*self.xs, *self.states.states, *self.buffers.values(), *saved]

    def cut(self) -> CutTape:
        return self

    @property
    def divisible(self) -> bool:
        return not self.opaque

    def finite(self, steps: int) -> bool:
        return all(np.isfinite(states[-steps - 1 :]).all() for states in self.states.states)

    def first(self, steps: int, xs: tuple[Array, ...]) -> ProgramTape:
        states = States([s[: steps + 1] for s in self.states.states], self.states.shapes)
        buffers = {name: b[:steps] for name, b in self.buffers.items()}
        return ProgramTape(self.context, xs, states, buffers, {})


def batch_first(state: Array, shape: Shape) -> Array:
    """A copy of (features, B) as (B, *shape)."""
    return np.array(state.T, order="C").reshape(-1, *shape)
