"""Leaves: inputs of a cell that are values of parameters, which code reads as it reads parameters.

A leaf has neither time nor batch. Added to a value it is a bias, times a value a gain, times a
vector the weights of a product; elsewhere it is put in the place of zeros.
"""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.compiler.maker import Maker
from rnnbp.compiler.weights import Matrix, Rows, Vector
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.support.prepared import Remembered


@final
class LeafOwner(dict[str, Array]):
    """Stands for the leaves of a cell where code names the owner of a parameter.

    Its arrays have their shapes and bytes, and no values: a runner has these, a run's own.
    """

    def __init__(self, dtype: Dtype) -> None:
        super().__init__()
        self.dtype = dtype

    def rows(self, k: int, shape: Shape, count: int) -> Rows:
        """The first ``count`` rows of input k, or elements of it."""
        self.setdefault(key_of(k), np.broadcast_to(np.zeros((), self.dtype), shape))
        return Rows(self, key_of(k), 0, count)


owners = Remembered[Cell, LeafOwner](
    lambda cell: LeafOwner(cell.leaf_dtype or np.dtype(np.float32))
)
"""Of each cell, what stands for its leaves."""


def key_of(k: int) -> str:
    """The key under which a leaf, input k of its cell, is known."""
    return str(k)


@final
class LeafValues:
    """The leaves among the values of code that is being made."""

    def __init__(self, cell: Cell, maker: Maker) -> None:
        self.owner, self.maker = owners.of(cell), maker
        self._inputs: dict[int, int] = {}

    def add(self, value: int, k: int) -> None:
        """Let a value be input k of the cell, which is a leaf."""
        self._inputs[value] = k

    def __contains__(self, value: int) -> bool:
        return value in self._inputs

    def matrix(self, value: int) -> Matrix:
        """A leaf (n, m) as weights."""
        shape = self.maker.values.shapes[value]
        return Matrix((self.owner.rows(self._inputs[value], shape, shape[0]),))

    def vector(self, value: int) -> Vector:
        """The elements of a leaf."""
        shape, n = self.maker.values.shapes[value], self.maker.values.rows(value)
        return Vector(((n, (self.owner.rows(self._inputs[value], shape, n),)),))

    def joined(self, name: str, a: int, b: int) -> int | None:
        """The sum, difference or product of a leaf and a value; None for what needs two values."""
        shapes = self.maker.values.shapes
        if name not in ("add", "sub", "mul") or shapes[a] != shapes[b] or (a in self and b in self):
            return None
        leaf, other = (a, b) if a in self else (b, a)
        if name == "mul":
            return self.maker.make("gain", other, attr=self.vector(leaf))
        if name == "add":
            return self.maker.make("bias", other, attr=self.vector(leaf))
        minus = self.maker.make("scale", other, attr=(-1.0, 0.0))
        found = self.maker.make("bias", minus, attr=self.vector(leaf))
        return found if leaf == a else self.maker.make("scale", found, attr=(-1.0, 0.0))

    def solid(self, value: int) -> int:
        """A value as operations take it: a leaf repeated along the batch."""
        if value not in self:
            return value
        shape, n = self.maker.values.shapes[value], self.maker.values.rows(value)
        zeros = self.maker.make("zeros", attr=(0, n), shape=(n,))
        found = self.maker.make("bias", zeros, attr=self.vector(value))
        return found if len(shape) == 1 else self.maker.make("same", found, attr=shape, shape=shape)
