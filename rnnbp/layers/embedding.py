"""Layers that take symbols, integers in [0, n), to vectors."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from rnnbp import machine
from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.machine import arrays as compiled
from rnnbp.machine import symbols as by_symbol
from rnnbp.numerics import Array, DtypeError, Saved, Shape, ShapeError, float_dtype, positive_int
from rnnbp.rng import RngLike

NUMBER = 8
"""Bytes of a symbol, or of its place, in a copy."""


class Symbols(Layer):
    """A layer whose input (...) is integers in [0, ``n_symbols``), so that no delta goes further
    back.

    Raises DtypeError for an input that is not of integers, IndexError for one outside the range.
    """

    symbols = True
    n_symbols: int
    n_out: int

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array | None, ...]:
        return (None,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if len(shapes) != 1:
            raise ShapeError(
                f"{self}: takes one input of symbols, found {len(shapes)}; give each its own layer"
            )
        if shapes[0] not in (None, ()):
            raise ShapeError(
                f"{self}: input must have no feature axes, its elements are symbols; found feature "
                f"shape {shapes[0]}; give it shape (T, B); among floats, give one-hot columns to a "
                "Dense instead"
            )
        return ((self.n_out,),)

    def check(self, x: Array) -> None:
        """Raise unless ``x`` holds integers in range."""
        if x.dtype.kind not in "iu":
            raise DtypeError(
                f"{self}: input must hold integers, found dtype {x.dtype}; convert it with "
                "x.astype(int)"
            )
        if x.size == 0 or ((x.dtype.kind == "u" or x.min() >= 0) and x.max() < self.n_symbols):
            return
        at = tuple(int(i) for i in np.argwhere((x < 0) | (x >= self.n_symbols))[0])
        cure = (
            "count symbols from 0"
            if x[at] < 0
            else f"build the layer for {int(x.max()) + 1} symbols"
        )
        if x.max() == self.n_symbols and x.min() == 1:
            cure = f"count symbols from 0, as x - 1, or {cure}"
        raise IndexError(
            f"{self}: input must lie in [0, {self.n_symbols}), found {x[at]} at {list(at)} of "
            f"shape {x.shape}; {cure}"
        )

    def describe(self) -> str:
        return f"{self.n_symbols}"


@final
class Embedding(Symbols):
    """y = row x of the weight.

    Args:
        n_symbols: number of symbols, the rows of the weight.
        n_out: size of the output.
        weight_init: initializer; N(0, 1) by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameter's path.

    Shapes: x (...) of integers → y (..., n_out). Parameter: ``weight`` (n_symbols, n_out). Keeps
    its input.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Embedding(100, 8)(np.array([[3, 99], [0, 7]])).shape
    (2, 2, 8)
    """

    def __init__(
        self,
        n_symbols: int,
        n_out: int,
        *,
        weight_init: InitializerLike | None = None,
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        self.n_symbols = positive_int("Embedding: n_symbols", n_symbols)
        self.n_out = positive_int("Embedding: n_out", n_out)
        super().__init__(name=name)
        how = _normal if weight_init is None else weight_init
        shape = (self.n_symbols, self.n_out)
        self.params = {
            "weight": initialize(
                how, generator_of("Embedding", rng), shape, float_dtype(dtype), "Embedding: weight"
            )
        }

    def forward(self, x: Array) -> tuple[Array, Saved]:
        self.check(x)
        return np.take(self.params["weight"], x, axis=0), (x,)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        if machine.chosen():
            return Scratch(flags=(0, 0, NUMBER * rows))
        return Scratch(params=rows, flags=(0, 0, 2 * NUMBER * rows))

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        # Row s of the gradient sums the rows of dy where x = s, in order: a product with a sparse
        # matrix of ones, 17 times faster than np.add.at (2048 symbols out of 256, 64 features).
        x, dy = saved[0].reshape(-1), dy.reshape(-1, self.n_out)
        if len(dy) != len(x):
            raise ShapeError(
                f"{self}: dy must have {len(x)} rows, one for each symbol, found {len(dy)}"
            )
        if machine.chosen() and compiled.takes(dy):
            return {"weight": by_symbol.scattered(dy, x, self.n_symbols)}
        x = np.array(
            x
        )  # it may be anybody's memory: what is looked at must not change before it is used
        self.check(x)
        ones = (np.ones(x.size, dy.dtype), x, np.arange(x.size + 1))
        which = sparse.csr_array(ones, shape=(x.size, self.n_symbols))
        return {"weight": which.T @ dy}

    def describe(self) -> str:
        return f"{self.n_symbols}, {self.n_out}"


@final
class OneHot(Symbols):
    """y = 1 at x, 0 elsewhere. Keeps nothing.

    Args:
        n_symbols: number of symbols, the size of y.
        dtype: of y if the layer is called alone, or if the model has no parameters.
        name: its name in ``repr`` and errors.

    Shapes: x (...) of integers → y (..., n_symbols), in the dtype of the model that the layer is
    in.

    >>> import numpy as np, rnnbp as rb
    >>> rb.OneHot(3)(np.array([2, 0])).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """

    typed = True

    def __init__(
        self, n_symbols: int, dtype: npt.DTypeLike = "float32", *, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        self.params = {}
        self.n_symbols = self.n_out = positive_int("OneHot: n_symbols", n_symbols)
        self.dtype = float_dtype(dtype)

    def forward(self, x: Array, *, dtype: npt.DTypeLike | None = None) -> tuple[Array, Saved]:
        x = np.array(x)  # what is looked at must not change before it is used
        self.check(x)
        y = np.zeros((*x.shape, self.n_symbols), self.dtype if dtype is None else dtype)
        places = x.astype(np.intp, copy=False).reshape(-1)
        places += np.arange(0, y.size, self.n_symbols)
        y.reshape(-1)[places] = 1
        return y, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch(flags=(2 * NUMBER * rows, 0, 0))


def _normal(rng: np.random.Generator, shape: Shape) -> Array:
    return rng.normal(size=shape)
