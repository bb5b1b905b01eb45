"""Layers of a person's own, their place in a model, and wrong arrays that they return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

Array = np.ndarray
Change = Callable[[Array], Any]
SIZE, SHAPE = 8, (6, 4, 8)
BACKENDS = ("interpreter", "numpy", "llvm")


def lstm() -> rb.Recurrent:
    """In float32."""
    return rb.LSTM(SIZE, SIZE, rng=1)


def dense() -> rb.Dense:
    """In float32."""
    return rb.Dense(SIZE, SIZE, rng=2)


every_backend = pytest.mark.parametrize("backend", BACKENDS)


def gradients(model: Any, backend: str, loss: Any = None, **options: Any) -> rb.Gradients:
    """Those of a run in chunks of 3 steps."""
    x, target = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    return rb.bptt(
        model, x, target, loss or rb.losses.MeanSquaredError(), backend=backend, chunk=3, **options
    )


def misaligned(d: Array) -> Array:
    """A copy whose address is no multiple of its item size."""
    memory = np.frombuffer(bytearray(d.nbytes + 1), np.uint8)[1:].view(d.dtype).reshape(d.shape)
    memory[...] = d
    return memory


SAME: dict[str, Change] = {
    "in Fortran's order": np.asfortranarray,
    "strided": lambda d: np.repeat(d, 2, axis=-1)[..., ::2],
    "at an odd address": misaligned,
    "read only": lambda d: np.broadcast_to(d, d.shape),
}


DTYPES: dict[str, Change] = {
    "float64": lambda d: d.astype(np.float64),
    "of the other order of bytes": lambda d: d.astype(d.dtype.newbyteorder()),
    "float16": lambda d: d.astype(np.float16),
    "complex": lambda d: d + 0j,
}
SHAPES: dict[str, Change] = {
    "twice as wide": lambda d: np.concatenate([d, d], -1),
    "one feature": lambda d: d[..., :1],
    "one row": lambda d: d[..., :1, :],
    "a row more": lambda d: np.concatenate([d, d[..., :1, :]], -2),
    "no batch axes": lambda d: d.reshape(-1, SIZE)[0],
    "an axis more": lambda d: d[None],
    "a feature axis more": lambda d: d[..., None],
}
