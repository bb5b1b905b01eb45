"""Every layer with its options, alone, on a batch without time and on a sequence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import rnnbp as rb
from tests.corpus.digests import Found, flat
from tests.corpus.losses import half_square

Build = Callable[[str], Any]

POINTWISE: dict[str, tuple[Build, tuple[int, ...]]] = {
    "Sigmoid": (lambda _: rb.Sigmoid(), (5,)),
    "Tanh": (lambda _: rb.Tanh(), (2, 3)),
    "ReLU": (lambda _: rb.ReLU(), (5,)),
    "LeakyReLU": (lambda _: rb.LeakyReLU(), (5,)),
    "LeakyReLU 0.3": (lambda _: rb.LeakyReLU(0.3), (5,)),
    "ELU": (lambda _: rb.ELU(), (5,)),
    "ELU 0.7": (lambda _: rb.ELU(0.7), (5,)),
    "GELU": (lambda _: rb.GELU(), (5,)),
    "Softplus": (lambda _: rb.Softplus(), (5,)),
    "Identity": (lambda _: rb.Identity(), (5,)),
    "Scale": (lambda _: rb.Scale(-2.0, 0.5), (5,)),
    "Softmax": (lambda _: rb.Softmax(), (2, 3)),
    "LogSoftmax": (lambda _: rb.LogSoftmax(), (2, 3)),
    "Dropout": (lambda _: rb.Dropout(0.4), (5,)),
    "Dropout of sequences": (lambda _: rb.Dropout(0.4, every_step=False), (2, 3)),
    "Dropout 0": (lambda _: rb.Dropout(0.0), (5,)),
    "LayerNorm": (lambda t: rb.LayerNorm(5, dtype=t), (5,)),
    "LayerNorm of two axes": (lambda t: rb.LayerNorm((2, 3), eps=0.1, dtype=t), (2, 3)),
    "LayerNorm without weight": (lambda t: rb.LayerNorm(5, weight=False, dtype=t), (5,)),
    "LayerNorm without bias": (lambda t: rb.LayerNorm(5, bias=False, dtype=t), (5,)),
}
SHAPED: dict[str, tuple[Build, tuple[int, ...]]] = {
    "Dense": (lambda t: rb.Dense(4, 3, dtype=t, rng=1), (4,)),
    "Dense without bias": (lambda t: rb.Dense(4, 3, bias=False, dtype=t, rng=1), (4,)),
    "Dense, inits": (
        lambda t: rb.Dense(4, 3, weight_init="he", bias_init=0.5, dtype=t, rng=1),
        (4,),
    ),
    "Dense 64": (lambda t: rb.Dense(64, 33, dtype=t, rng=1), (64,)),
    "Conv1D": (lambda t: rb.Conv1D(2, 3, 3, dtype=t, rng=1), (2, 6)),
    "Conv1D, stride": (lambda t: rb.Conv1D(2, 3, 3, stride=2, dtype=t, rng=1), (2, 8)),
    "Conv1D, padding": (
        lambda t: rb.Conv1D(2, 3, 3, padding=2, bias_init=0.5, dtype=t, rng=1),
        (2, 5),
    ),
    "Conv1D, dilation": (
        lambda t: rb.Conv1D(2, 3, 3, dilation=2, weight_init="he", dtype=t, rng=1),
        (2, 7),
    ),
    "Conv1D, same": (lambda t: rb.Conv1D(2, 3, 4, padding="same", dtype=t, rng=1), (2, 5)),
    "Conv1D, all": (
        lambda t: rb.Conv1D(2, 3, 3, stride=2, padding=1, dilation=2, bias=False, dtype=t, rng=1),
        (2, 8),
    ),
    "Conv2D": (lambda t: rb.Conv2D(2, 3, (2, 3), dtype=t, rng=1), (2, 4, 4)),
    "Conv2D, same": (
        lambda t: rb.Conv2D(2, 3, (3, 2), padding="same", dilation=(1, 2), dtype=t, rng=1),
        (2, 3, 4),
    ),
    "Conv2D, all": (
        lambda t: rb.Conv2D(
            2, 3, (2, 3), stride=(2, 1), padding=(0, 1), dilation=(2, 1), bias=False, dtype=t, rng=1
        ),
        (2, 5, 4),
    ),
    "MaxPool": (lambda _: rb.MaxPool(2), (2, 6)),
    "MaxPool, overlap": (lambda _: rb.MaxPool(3, 1), (2, 6)),
    "MaxPool, all": (lambda _: rb.MaxPool((3, 2), (2, 1), (1, 1)), (2, 4, 3)),
    "AvgPool": (lambda _: rb.AvgPool(2), (2, 6)),
    "AvgPool, overlap": (lambda _: rb.AvgPool(3, 1), (2, 6)),
    "AvgPool, all": (lambda _: rb.AvgPool((3, 2), (2, 1), (1, 1)), (2, 4, 3)),
    "Flatten": (lambda _: rb.Flatten(2), (2, 3)),
    "Reshape": (lambda _: rb.Reshape((2, 6), (3, 4)), (2, 6)),
    "Slice": (lambda _: rb.Slice(5, 1, 4), (5,)),
}


def _graph(write: Callable[[Any, str], Any], n: int) -> Build:
    def build(dtype: str) -> Any:
        x = rb.Input(n)
        return rb.Graph(x, write(rb.Scale(1.5)(x), dtype))

    return build


MERGED: dict[str, tuple[Build, tuple[int, ...]]] = {
    "Add": (_graph(lambda v, _: rb.Add(3)(v, rb.Tanh()(v), v), 4), (4,)),
    "Subtract": (_graph(lambda v, _: rb.Subtract()(v, rb.Tanh()(v)), 4), (4,)),
    "Multiply": (_graph(lambda v, _: rb.Multiply()(v, rb.Tanh()(v)), 4), (4,)),
    "Concat, Split": (_graph(lambda v, _: rb.Concat(3, 1)(*reversed(rb.Split(1, 3)(v))), 4), (4,)),
    "Split, one part": (_graph(lambda v, _: rb.Split(1, 3)(v)[1], 4), (4,)),
    "Dense of several": (
        _graph(lambda v, t: rb.Dense((4, 4), 3, dtype=t, rng=1)(v, rb.Tanh()(v)), 4),
        (4,),
    ),
    "arithmetic": (_graph(lambda v, _: (1 - v) * 0.5 + v * v - 2.0, 4), (4,)),
}
SYMBOLS: dict[str, Build] = {
    "Embedding": lambda t: rb.Embedding(5, 3, dtype=t, rng=1),
    "Embedding, init": lambda t: rb.Embedding(5, 3, weight_init="he", dtype=t, rng=1),
    "OneHot": lambda t: rb.Sequential(rb.OneHot(5, dtype=t), rb.Dense(5, 2, dtype=t, rng=1)),
}
LAYERS: dict[str, tuple[Build, tuple[int, ...]]] = {
    **POINTWISE,
    **SHAPED,
    **MERGED,
    **{name: (build, ()) for name, build in SYMBOLS.items()},
}


@dataclass(frozen=True)
class Leaf:
    """A layer: gradients of a batch by ``backprop``, and of a sequence by ``bptt``."""

    build: Build
    x: tuple[int, ...]
    dtype: str

    def run(self) -> Found:
        layer, rng = self.build(self.dtype), np.random.default_rng(2)
        shape = (6, 4, *self.x)
        x = rng.normal(size=shape).astype(self.dtype) if self.x else rng.integers(0, 5, shape)
        batch = rb.backprop(layer, x[0], None, half_square, seed=3, return_y=True)
        series = rb.bptt(
            layer, x, None, half_square, seed=3, chunk=4, return_y=True, progress=False
        )
        evaluated = rb.predict(layer, x, progress=False)[0]
        return flat("", {"batch": batch, "series": series, "evaluated": evaluated})
