"""Runs by machine code that several tests share."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnbp as rb
from tests import models
from tests.helpers import reals

COMPILED = [name for name in models.CELLS if name not in ("network in cell",)]


def address(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def gradients(
    model: Any, *, steps: int = 90, batch: int = 7, dtype: str = "float32", **how: Any
) -> Any:
    x, dy = reals(steps, batch, 3).astype(dtype), reals(steps, batch, 20).astype(dtype)
    return rb.bptt(model, x, dy, lambda y, dy: ((y * dy).sum(), dy), backend="llvm", **how)
