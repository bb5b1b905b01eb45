"""Sums and means over the features, and products with matrices made of features."""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.merge import widths
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError


class Reduction(Layer):
    """One number for each line of features along the last axis."""

    spare = (0, 0, 0)

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params: dict[str, Array] = {}

    @abstractmethod
    def forward(self, x: Array) -> tuple[Array, Saved]: ...

    def keeps(self, *shapes: Shape) -> Keeps:
        (shape,) = shapes
        return Keeps(extras=(((*shape[:-1], 0, shape[-1]), None),))

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(f"{self}: takes one input, found {len(shapes)}; Concat them first")
        (shape,) = shapes
        if shape == ():
            raise ShapeError(f"{self}: needs features, found feature shape (); Embedding has some")
        return (None if shape is None else (*shape[:-1], 1),)


@final
class Sum(Reduction):
    """Σ x over the features, the last axis. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (..., n) → y (..., 1).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Sum()(np.array([[1.0, 2.0, 6.0]])).tolist()
    [[9.0]]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return x.sum(axis=-1, keepdims=True), (widths(x),)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.apply("total", *xs),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (np.repeat(dy, saved[0].shape[-1], axis=-1),)


@final
class Mean(Reduction):
    """The mean of x over the features, the last axis. Keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: x (..., n) → y (..., 1).

    >>> import numpy as np, rnnbp as rb
    >>> rb.Mean()(np.array([[1.0, 2.0, 6.0]])).tolist()
    [[3.0]]
    """

    def forward(self, x: Array) -> tuple[Array, Saved]:
        y = x.sum(axis=-1, keepdims=True)
        y *= 1 / x.shape[-1]
        return y, (widths(x),)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (x,) = xs
        return (ops.scale(ops.apply("total", x), 1 / ops.shape(x)[-1]),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        n = saved[0].shape[-1]
        dx = np.repeat(dy, n, axis=-1)
        dx *= 1 / n
        return (dx,)


@final
class MatVec(Layer):
    """y = W v: of a matrix made of features and a vector, row by row of the batch. Keeps both.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: W (..., n, m) or, its rows one after the other, (..., n · m), v (..., m) → y (..., n).

    >>> import numpy as np, rnnbp as rb
    >>> rb.MatVec()(np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 10.0])).tolist()
    [21.0, 43.0]
    """

    spare = (0, 0, 0)

    def __init__(self, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}

    def forward(self, matrix: Array, vector: Array) -> tuple[Array, Saved]:
        axes = 1 + (matrix.ndim > vector.ndim)
        (shape,) = self.output_shapes(matrix.shape[-axes:], vector.shape[-1:])
        y = np.empty((*vector.shape[:-1], *(shape or ())), np.result_type(matrix, vector))
        np.matmul(_matrix(matrix, vector), vector[..., None], out=y[..., None])
        return y, (matrix, vector)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        matrix, vector = xs
        rows = math.prod(ops.shape(matrix))
        flat = ops.same(matrix, (rows,)) if len(ops.shape(matrix)) > 1 else matrix
        return (ops.apply("matvec", flat, vector, attr=ops.shape(vector)[0]),)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        matrix, vector = saved
        whole = _matrix(matrix, vector)
        # Not by ``np.multiply``, which would take buffers of up to 128 KB for what it repeats.
        dmatrix = np.einsum("...n,...m->...nm", dy, vector).reshape(matrix.shape)
        dvector = np.empty(vector.shape, dmatrix.dtype)
        np.matmul(np.swapaxes(whole, -1, -2), dy[..., None], out=dvector[..., None])
        return dmatrix, dvector

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch()

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(
                f"{self}: takes a matrix and a vector, found {len(shapes)} inputs; call it as "
                "MatVec()(matrix, vector)"
            )
        matrix, vector = shapes
        if matrix is None or vector is None:
            return (None,)
        size = math.prod(matrix)
        if len(vector) != 1 or len(matrix) not in (1, 2) or not _fits(matrix, vector[0]):
            raise ShapeError(
                f"{self}: a matrix (n, m) or (n · m,) and a vector (m,), found {matrix} and "
                f"{vector}; for m = {vector[-1] if vector else 1} make the matrix of a multiple of it"
            )
        return ((size // vector[0],),)


def _fits(matrix: Shape, columns: int) -> bool:
    """True if a matrix of this shape has this number of columns."""
    return matrix[-1] == columns if len(matrix) == 2 else matrix[0] % columns == 0


def _matrix(matrix: Array, vector: Array) -> Array:
    """(..., n · m) as (..., n, m)."""
    if matrix.ndim > vector.ndim:
        return matrix
    n, m = matrix.shape[-1] // vector.shape[-1], vector.shape[-1]
    return matrix.reshape(*matrix.shape[:-1], n, m)
