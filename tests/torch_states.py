"""Weights under PyTorch's names, in files and out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

import rnnbp as rb

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def state_dict(
    cell: str = "LSTM",
    module: str = "rnn",
    layers: int = 2,
    *,
    n_in: int = 3,
    n: int = 4,
    endings: Sequence[str] = ("",),
) -> dict[str, np.ndarray]:
    """That of a module of PyTorch with such a layer, and ``self.head = nn.Linear(n, 2)``."""
    rng = np.random.default_rng(3)
    rows = GATES[cell] * n
    shapes: dict[str, tuple[int, ...]] = {"head.weight": (2, n), "head.bias": (2,)}
    dot = f"{module}." if module else ""
    for k in range(layers):
        for end in endings:
            width = n_in if k == 0 else n * len(endings)
            shapes |= {
                f"{dot}weight_ih_l{k}{end}": (rows, width),
                f"{dot}weight_hh_l{k}{end}": (rows, n),
            }
            shapes |= {f"{dot}bias_ih_l{k}{end}": (rows,), f"{dot}bias_hh_l{k}{end}": (rows,)}
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def saved(path: Path, tensors: dict[str, np.ndarray]) -> Path:
    """The path of a file with these tensors, as PyTorch writes it."""
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
    return path


def stacked(cell: Any = rb.LSTM, name: str = "rnn") -> rb.Sequential:
    """Two layers that are one in PyTorch, and a head."""
    rnn = rb.Sequential(cell(3, 4, rng=0), rb.Dropout(0.1), cell(4, 4, rng=1), name=name)
    return rb.Sequential(rnn, rb.Dense(4, 2, name="head", rng=2))


def as_arrays(given: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Lists of the numbers, which compare."""
    return {name: array.tolist() for name, array in given.items()}
