"""Recordings one after the other, as one stream of which slices are read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import final

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.train.file_rows import FileRows


@final
class JoinedRows:
    """Arrays (S_k, ...) of the same features, read as one of Σ S_k steps; none is copied.

    Args:
        parts: of one kind of dtype.
    """

    def __init__(self, parts: Sequence[Array | FileRows]) -> None:
        self.parts = tuple(parts)
        self.starts = [0, *accumulate(len(part) for part in parts)]
        self.shape: Shape = (self.starts[-1], *parts[0].shape[1:])
        self.dtype: Dtype = np.result_type(*{part.dtype for part in parts})

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.parts)

    def __getitem__(self, steps: slice | Array) -> Array:
        """Steps in a row, or by an index array of any shape: a new array."""
        if isinstance(steps, slice):
            start, stop, _ = steps.indices(len(self))
            steps = np.arange(start, stop)
        found = np.empty((*steps.shape, *self.shape[1:]), self.dtype)
        of = np.searchsorted(self.starts, steps, side="right") - 1
        for k in np.unique(of).tolist():
            check_there(self.parts[k])
            here = of == k
            at = steps[here] - self.starts[k]
            low = int(at.min())
            found[here] = self.parts[k][low : int(at.max()) + 1][at - low]
        return found
