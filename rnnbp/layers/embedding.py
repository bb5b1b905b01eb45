"""Layers that take symbols, integers in [0, n), to vectors."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt
from scipy import sparse

from rnnbp import machine
from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.symbols import NUMBER, Symbols
from rnnbp.machine import arrays as compiled
from rnnbp.machine import symbols as by_symbol
from rnnbp.numerics import Array, Saved, Shape, ShapeError, float_dtype, positive_int
from rnnbp.rng import RngLike


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
        # It may be anybody's memory: what is looked at must not change before it is used.
        x = np.array(x)
        self.check(x)
        ones = (np.ones(x.size, dy.dtype), x, np.arange(x.size + 1))
        which = sparse.csr_array(ones, shape=(x.size, self.n_symbols))
        return {"weight": which.T @ dy}

    def describe(self) -> str:
        return f"{self.n_symbols}, {self.n_out}"


def _normal(rng: np.random.Generator, shape: Shape) -> Array:
    return rng.normal(size=shape)
