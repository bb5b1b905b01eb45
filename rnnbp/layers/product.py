"""Products and transposes of matrices that are values of a graph: ``W @ h`` and ``W.T``."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import Array, Saved, Shape, ShapeError


@final
class Product(Layer):
    """y = W v, or Wᵀ v: of a matrix W and a vector v, or a matrix, row by row of the batch.

    A factor without batch axes, as a function of parameters, is the same for the whole batch, and
    its delta the sum over the batch, by one product.

    Args:
        turned: True for Wᵀ.
        columns: True if v is a matrix (m, k).
        size: the first axis of y, for where the shape of W is not known yet; None if it shall be.
        name: its name in ``repr`` and errors.

    Shapes: W (..., n, m), v (..., m) → y (..., n); v (..., m, k) → y (..., n, k); with ``turned`` W
    is (..., m, n). Keeps its inputs.
    """

    mixes = True
    spare = (0, 0, 0)

    def __init__(
        self,
        *,
        turned: bool = False,
        columns: bool = False,
        size: int | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name)
        self.params = {}
        self.turned, self.columns, self.size = turned, columns, size

    def forward(self, w: Array, v: Array) -> tuple[Array, Saved]:
        self.output_shapes(w.shape[-2:], v.shape[-1 - self.columns :])
        left = np.swapaxes(w, -1, -2) if self.turned else w
        if self.columns and v.ndim == 2 and not self.turned:
            return _by_rows(w, v), (w, v)
        if self.columns:
            return np.matmul(left, v), (w, v)
        if w.ndim > 2:
            return np.matmul(left, v[..., None])[..., 0], (w, v)
        y = v.reshape(-1, v.shape[-1]) @ left.T
        return y.reshape(*v.shape[:-1], len(left)), (w, v)

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        w, v = saved
        if w.ndim == 2 and not self.columns:
            dy, rows = dy.reshape(-1, dy.shape[-1]), v.reshape(-1, v.shape[-1])
            dw = rows.T @ dy if self.turned else dy.T @ rows
            return dw, (dy @ (w.T if self.turned else w)).reshape(v.shape)
        if self.columns and v.ndim == 2 and not self.turned:
            rows = w.reshape(-1, w.shape[-1])
            return _by_rows(dy, v.T), rows.T @ dy.reshape(-1, dy.shape[-1])
        v, dy = (v, dy) if self.columns else (v[..., None], dy[..., None])
        dw = _over_batch(v, dy, w.ndim) if self.turned else _over_batch(dy, v, w.ndim)
        right = w if self.turned else np.swapaxes(w, -1, -2)
        if v.ndim == 2 < w.ndim:  # one for all of the batch: one product, summed within it
            tall, wide = right.reshape(-1, *right.shape[-2:]), dy.reshape(-1, *dy.shape[-2:])
            dv = np.tensordot(tall, wide, axes=((0, 2), (0, 1)))
        else:
            dv = np.matmul(right, dy)
        return dw, dv if self.columns else dv[..., 0]

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 2:
            raise ShapeError(f"{self}: takes a matrix and a vector, found {len(shapes)} inputs")
        w, v = shapes
        if w is None or v is None:
            return (None if self.size is None or self.columns else (self.size,),)
        if len(w) != 2 or len(v) != 1 + self.columns or w[1 - self.turned] != v[0]:
            name = "Wᵀ" if self.turned else "W"
            raise ShapeError(
                f"{self}: W has shape {w}, v {v}; {name} v needs a v whose first axis has size "
                f"{w[1 - self.turned] if len(w) == 2 else 'm'}, and a W of two axes"
            )
        if self.size not in (None, w[self.turned]):
            raise ShapeError(
                f"{self}: W has shape {w}, and {self.size} is the size of what it is compared with; "
                f"make it ({w[0]}, {self.size})"
            )
        return ((w[self.turned], *v[1:]),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0, 1))

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...] | None:
        w, v = xs
        n, m = ops.shape(w)
        if self.columns:
            found = None if self.turned else _by_columns(ops, w, v)
            n, m = (m, n) if self.turned else (n, m)
            sizes = n, m, ops.shape(v)[1], self.turned, False
            return (ops.apply("matmat", w, v, attr=sizes) if found is None else found,)
        found = None if self.turned else ops.fixed_product(w, v)
        if found is None:  # a matrix made of features
            flat = ops.same(w, (n * m,))
            found = ops.apply("vecmat" if self.turned else "matvec", flat, v, attr=m)
        return (found,)

    def describe(self) -> str:
        options = {"turned": self.turned, "columns": self.columns}
        return ", ".join(f"{name}=True" for name, yes in options.items() if yes)


@final
class Transpose(Layer):
    """y = Wᵀ. A view; keeps nothing.

    Args:
        name: its name in ``repr`` and errors.

    Shapes: W (..., n, m) → y (..., m, n).
    """

    spare = (0, 0, 0)
    view = True

    def forward(self, w: Array) -> tuple[Array, Saved]:
        return np.swapaxes(w, -1, -2), ()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return (np.swapaxes(dy, -1, -2),)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        (x,) = xs
        n, m = ops.shape(x)
        return (ops.apply("transpose", ops.same(x, (n * m,)), attr=m),)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(f"{self}: turns one matrix, found {len(shapes)} inputs")
        (shape,) = shapes
        if shape is not None and len(shape) != 2:
            raise ShapeError(f"{self}: turns a matrix (n, m), found shape {shape}")
        return (None if shape is None else shape[::-1],)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()


def _by_rows(rows: Array, v: Array) -> Array:
    """The product of the lines of matrices with one matrix for all of them: one product."""
    found: Array = rows.reshape(-1, rows.shape[-1]) @ v
    return found.reshape(*rows.shape[:-1], v.shape[-1])


def _by_columns(ops: Primitives, w: int, v: int) -> int | None:
    """W V by a product for each column of V, of a W that is a function of parameters alone."""
    m, k = ops.shape(v)
    turned = ops.apply("transpose", ops.same(v, (m * k,)), attr=k)
    flat = ops.same(turned, (m * k,))
    first = ops.fixed_product(w, ops.part(flat, 0, m))
    if first is None:
        return None
    columns = [ops.fixed_product(w, ops.part(flat, at * m, (at + 1) * m)) for at in range(1, k)]
    whole = ops.concat(first, *[column for column in columns if column is not None])
    return ops.apply("transpose", whole, attr=ops.shape(first)[0])


def _over_batch(a: Array, b: Array, axes: int) -> Array:
    """a bᵀ, summed over the batch where the result has two axes alone."""
    if axes > 2 or a.ndim == b.ndim == 2:
        whole: Array = np.matmul(a, np.swapaxes(b, -1, -2))
        return whole
    tall, wide = a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:])
    found: Array = np.tensordot(tall, wide, axes=((0, 2), (0, 2)))
    return found
