"""Integers as vectors with a single 1."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt

from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.layers.symbols import NUMBER, Symbols
from rnnbp.numerics import Array, Saved, Shape, float_dtype, positive_int


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
