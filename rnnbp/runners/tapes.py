"""What a step program keeps of a chunk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.numerics import Array, Shape
from rnnbp.runners.numpy.opaque import OpaqueRun


@dataclass(slots=True)
class States:
    """The states before and after each of a chunk's steps: arrays (L + 1, features, B), of feature shapes.

    ``batch_first``: they are (L + 1, B, features).
    """

    states: list[Array]
    shapes: tuple[Shape, ...]
    batch_first: bool = False

    @property
    def entering(self) -> tuple[Array, ...]:
        """A copy of the state before the first step, each (B, ...)."""
        return self.at(0)

    @property
    def leaving(self) -> tuple[Array, ...]:
        """A copy of the state after the last step, each (B, ...)."""
        return self.at(-1)

    def at(self, step: int) -> tuple[Array, ...]:
        """A copy of the state before a step, each (B, ...)."""
        if self.batch_first:
            return tuple(
                [s[step].reshape(-1, *shape).copy() for s, shape in zip(self.states, self.shapes, strict=True)]
            )
        return tuple([outside(s[step], shape) for s, shape in zip(self.states, self.shapes, strict=True)])

    def arrays(self) -> list[Any]:
        """All that it holds."""
        return list(self.states)


@dataclass(slots=True)
class ProgramTape:
    """The internals of a chunk: x (L, B, ...), its states, buffers (L, rows, B) by name, and opaque layers.

    ``memory`` is the array in which states and buffers lie, if there is one; ``places``: the addresses of x, states
    and buffers, for kernels.
    """

    x: Array
    states: States
    buffers: dict[str, Array]
    opaque: dict[str, OpaqueRun]
    memory: Array | None = None
    places: dict[str, int] = field(default_factory=dict)

    @property
    def entering(self) -> tuple[Array, ...]:
        """A copy of the state before the first step."""
        return self.states.entering

    @property
    def leaving(self) -> tuple[Array, ...]:
        """A copy of the state after the last step."""
        return self.states.leaving

    def arrays(self) -> list[Any]:
        """All that it holds, as a nest of arrays."""
        own = [*self.states.states, *self.buffers.values()] if self.memory is None else [self.memory]
        return [self.x, *own, *(run.arrays() for run in self.opaque.values())]


def outside(state: Array, shape: Shape) -> Array:
    """A copy of (features, B) as (B, ...)."""
    return np.array(state.T, order="C").reshape(-1, *shape)
