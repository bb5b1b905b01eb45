"""The arrays of a step program: workspace, packed weights, and states, features first."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnnbp.compiler.weights import Matrix, Vector, identity_of
from rnnbp.numerics import Array, Shape
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.runners.weights import vector_of, weights_of
from rnnbp.runners.workspace import Workspace


class Buffers:
    """The memory of a program; weights are packed once for a run."""

    def __init__(self, sizes: ProgramSizes, workspace: Workspace) -> None:
        self.sizes, self.layout, self.workspace = sizes, sizes.layout, workspace
        self._packed: dict[object, Array] = {}
        self.leaves: dict[str, Array] = {}
        """Those of this run."""

    def prepare(self, length: int) -> None:
        """Take the memory that chunks of ``length`` steps use in a run, and pack the weights."""
        self.workspace.reserve(self.sizes.workspace_bytes(length))
        self._packed.clear()
        for value in self.sizes.constants.values():
            self.constant(value)

    def renew(self) -> None:
        """Pack the weights anew when they are used."""
        self._packed.clear()

    def arrays(self, function: Function, length: int) -> dict[str, Array]:
        """The arrays of a function that do not outlast it, and its constants."""
        found = self.workspace.carve(self.sizes.shapes(function, length), self.layout.dtype)
        found |= {name: self.constant(value) for name, value in function.constants.items()}
        return found

    def constant(self, value: Constant) -> Array:
        """A weight packed, a bias for the whole batch, or a number, made once."""
        key = identity_of(value)
        if key not in self._packed:
            self._packed[key] = self._pack(value)
        return self._packed[key]

    def _pack(self, value: Constant) -> Array:
        dtype = self.layout.dtype
        if isinstance(value, Matrix):
            return weights_of(value, dtype, self.leaves)
        if isinstance(value, Vector):
            # For the whole batch: NumPy adds two arrays of one shape faster than it repeats one.
            return np.repeat(
                vector_of(value, dtype, self.leaves)[:, None], self.layout.batch, axis=1
            )
        return np.array(value, dtype)

    def states(self, length: int, state: Sequence[Array]) -> list[Array]:
        """Arrays for the states of this many steps, the first of them given."""
        batch, shapes = self.layout.batch, self.layout.cell.state_shapes
        found = [self.new((length + 1, math.prod(shape), batch)) for shape in shapes]
        return self.enter(found, state)

    def enter(self, states: list[Array], given: Sequence[Array]) -> list[Array]:
        """Put a state before the first step."""
        for array, state in zip(states, given, strict=True):
            np.copyto(array[0], state.reshape(self.layout.batch, -1).T)
        return states

    def output(self, length: int) -> Array:
        """An array for y (L, B, ...)."""
        layout = self.layout
        return self.new((length, layout.batch, *layout.shapes[layout.cell.outputs[0]]))

    def new(self, shape: Shape) -> Array:
        """An array of its own."""
        return self.workspace.new(shape, self.layout.dtype)
