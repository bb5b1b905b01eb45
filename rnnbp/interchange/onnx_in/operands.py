"""What the tensors of an ONNX graph are here: constants, and values whose axes have roles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from rnnbp.graph.values import Value
from rnnbp.numerics import Array, Shape

TIME, BATCH = "T", "B"
"""Roles of axes. One axis that has both, as Reshape makes it, is "TB" or "BT"."""
Axis: TypeAlias = int | str
"""A number of features, or a role."""
Axes: TypeAlias = tuple[Axis, ...]


class UnreadableModelError(ValueError):
    """An ONNX model that cannot be expressed by layers of this library."""


@dataclass(frozen=True, eq=False)
class Const:
    """Numbers that no input changes.

    Attributes:
        array: the numbers; sizes that are not known have a role in their place, and dtype object.
        axes: sizes, or the role of an axis along which the array, of size 1, is repeated.
        learned: True for a named tensor of the file, which may be trained, unlike the value of a
            Constant node.
    """

    array: Array
    axes: Axes
    learned: bool = False

    @classmethod
    def of(cls, array: Array, *, learned: bool = False) -> Const:
        """An array as it is."""
        return cls(array, tuple(array.shape), learned)

    @property
    def plain(self) -> bool:
        """True if it has numbers alone, and no repeated axis."""
        return self.array.dtype != object and not any(isinstance(a, str) for a in self.axes)

    @property
    def number(self) -> float | None:
        """The number that all elements are, or None if they differ."""
        if self.array.dtype == object or not self.array.size:
            return None
        first = self.array.reshape(-1)[0]
        return float(first) if (self.array == first).all() else None


@dataclass(frozen=True, eq=False)
class Tensor:
    """A symbolic value: its features, one after the other in C order, are those of ``axes``.

    The shape of the value may divide them in another way; ``shaped`` makes it that of the axes.
    """

    value: Value
    axes: Axes

    @property
    def features(self) -> Shape:
        """The sizes of the axes without a role."""
        return sizes(self.axes)

    def has(self, role: str) -> bool:
        """True if an axis has a role, or one that contains it."""
        return any(isinstance(a, str) and role in a for a in self.axes)


@dataclass(frozen=True, eq=False)
class Pending:
    """A step towards a layer that is several nodes in ONNX; no layer computes it alone.

    Attributes:
        value: what the layer will be applied to.
        axes: its axes.
    """

    value: Value
    axes: Axes


@dataclass(frozen=True, eq=False)
class Lengths:
    """The graph's input for the lengths of sequences, which a run takes as ``lengths=``."""

    name: str
    last: bool = False
    """True for the lengths less one, the numbers of the last steps."""


@dataclass(frozen=True, eq=False)
class Steps:
    """The numbers of all steps, or of all sequences, by the role of their axis."""

    role: str


@dataclass(frozen=True, eq=False)
class Live:
    """Which steps are there, by the name of the lengths."""

    name: str


@dataclass(frozen=True, eq=False)
class LastSteps:
    """The places of the last step of each sequence, in the order of a series' axes."""

    axes: Axes


@dataclass(frozen=True, eq=False)
class Flipped(Pending):
    """A series turned round within the lengths of its rows."""


@dataclass(frozen=True, eq=False)
class Summed(Pending):
    """The sum of a series over its steps; ``masked`` if it is 0 at those that are not there."""

    masked: bool


@dataclass(frozen=True, eq=False)
class Masked(Tensor):
    """A series that is ``fill`` past the end of a row."""

    fill: float


Operand: TypeAlias = Const | Tensor | Lengths | Pending | Steps | Live | LastSteps


def sizes(axes: Axes) -> Shape:
    """The sizes of axes without a role."""
    return tuple([a for a in axes if isinstance(a, int)])


def shape_of(axes: Axes) -> Shape:
    """The sizes of axes without a role; (1,) where there are none."""
    return sizes(axes) or (1,)


def shape_of_end(axes: Axes) -> Shape:
    """The shape of an input or output: axes of 1 before the batch, of directions, are left out."""
    ahead = max(k for k, a in enumerate(axes) if isinstance(a, str))
    return shape_of(tuple([a for k, a in enumerate(axes) if k > ahead or a != 1]))


def count(axes: Axes) -> int:
    """How many features axes have together."""
    return math.prod(sizes(axes))


def normal_axis(axis: int, rank: int) -> int:
    """An axis counted from the front."""
    return axis + rank if axis < 0 else axis


def exact(number: float | np.float32) -> float:
    """A number as it was written: of single precision 0.2, not 0.20000000298."""
    return float(str(number))


def whole(const: Const) -> list[int | str]:
    """The elements of an integer constant: numbers, and roles."""
    return [v if isinstance(v, str) else int(v) for v in np.asarray(const.array).reshape(-1)]
