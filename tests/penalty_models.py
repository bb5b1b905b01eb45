"""Models with penalties on values of each kind, within cells and outside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb

Array = np.ndarray
OPTIONS: Any = {"dtype": "float64"}


def output(n: int) -> Any:
    """On the output of a recurrent layer, before the head."""
    penalty = rb.Penalty(l1=0.2, l2=0.3, name="rates")
    return rb.Sequential(rb.RNN(n, n, rng=0, **OPTIONS), penalty, rb.Dense(n, n, rng=1, **OPTIONS))


def head(n: int) -> Any:
    """On the model's output, of a cell compiled as it is."""
    return rb.Sequential(rb.GRU(n, n, rng=0, **OPTIONS), rb.Penalty(l2=0.3, name="y"))


def between(n: int) -> Any:
    """Between two recurrent layers, next to dropout."""
    return rb.Sequential(
        rb.LSTM(n, n, rng=0, **OPTIONS),
        rb.Penalty(l2=0.7, name="middle"),
        rb.Dropout(0.4),
        rb.GRU(n, n, rng=1, **OPTIONS),
    )


def gate(n: int) -> Any:
    """On a gate, and on what is before the tanh."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    z = rb.Penalty(l1=0.5, name="gate")(rb.Sigmoid()(rb.Dense((n, n), n, rng=0, **OPTIONS)(x, h)))
    inner = rb.Penalty(l2=0.4)(rb.Dense((n, n), n, rng=1, **OPTIONS)(x, z * h))
    h_new = z * h + (1 - z) * rb.Dropout(0.3)(rb.Tanh()(inner))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new), initial="learned")


def unseen(n: int) -> Any:
    """On a state that no output depends on, and on the carried h: the last step has no delta."""
    x, h, s = rb.Input(n, "x"), rb.State(n, "h"), rb.State(n, "s")
    trace = rb.Penalty(l2=0.6, name="trace")(0.5 * s + rb.Dense(n, n, rng=2, **OPTIONS)(h))
    carried = rb.Penalty(l1=0.3, l2=0.2)(rb.Tanh()(rb.Dense((n, n), n, rng=1, **OPTIONS)(x, h)))
    return rb.Recurrent(rb.Cell(x, {h: carried, s: trace}, output=h + x))


def weights(n: int) -> Any:
    """On parameter values, in a cell and outside: |W| by L1, its square by L2."""
    w = rb.Parameter((n, n), rng=0, name="w", **OPTIONS)
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    used = rb.Penalty(l1=0.01, name="sparse")(w)
    cell = rb.Cell(x, {h: rb.Tanh()(used @ h + x)}, output=h + x)
    outer, b = rb.Input(n, "x"), rb.Parameter(n, rng=3, name="b", **OPTIONS)
    y = rb.Recurrent(cell)(outer)
    return rb.Graph(outer, rb.Penalty(l2=0.3)(w * w) @ y + rb.Penalty(l2=2, name="bias")(b))


def static(n: int) -> Any:
    """On values per sequence, outside and taken out of a cell."""
    x, s, h = rb.Input(n, "x"), rb.Input(n, "s", per="sequence"), rb.State(n, "h")
    g = rb.Penalty(l2=0.5, name="inside")(rb.Sigmoid()(rb.Dense(n, n, rng=1, **OPTIONS)(s)))
    h_new = rb.Penalty(l1=0.2, name="h")(g * h + (1 - g) * rb.Tanh()(x))
    cell = rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new))
    outer, own = rb.Input(n, "x"), rb.Input(n, "s", per="sequence")
    embedded = rb.Penalty(l1=0.4, name="outside")(rb.Dense(n, n, rng=0, **OPTIONS)(own))
    return rb.Graph((outer, own), cell(outer, embedded) + embedded)


def twice(n: int) -> Any:
    """One cell in two places."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    h_new = rb.Penalty(l2=0.3)(rb.Tanh()(rb.Dense((n, n), n, rng=1, **OPTIONS)(x, h)))
    cell = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    outer = rb.Input(n, "x")
    return rb.Graph(outer, cell(cell(outer)))


def sliced(n: int) -> Any:
    """On every other features of a layer's output, which do not lie together."""
    x = rb.Input(n, "x")
    y = rb.LSTM(n, 2 * n, rng=1, **OPTIONS)(x)
    return rb.Graph(x, rb.Penalty(l1=0.1, l2=0.3)(y[:n]) + rb.Penalty(l2=0.3, name="b")(y[n:]))


MODELS: dict[str, Callable[[int], Any]] = {
    "output": output,
    "head": head,
    "between": between,
    "gate": gate,
    "unseen": unseen,
    "weights": weights,
    "static": static,
    "twice": twice,
    "sliced": sliced,
}


def data(model: str, steps: int, batch: int, n: int, seed: int = 0) -> tuple[Any, Array]:
    """The inputs of a model, and a target."""
    rng = np.random.default_rng(seed)
    x, s = rng.normal(size=(steps, batch, n)), rng.normal(size=(batch, n))
    given: Any = (x, s) if model == "static" else x
    return given, rng.normal(size=(steps, batch, n))
