"""Models of several inputs, series and static ones, with data for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import rnnbp as rb

Array = np.ndarray
SYMBOLS = 6


def dense(seed: int, n: int, *sizes: int) -> rb.Dense:
    return rb.Dense(sizes if len(sizes) > 1 else sizes[0], n, dtype="float64", rng=seed)


def gated_cell(n: int) -> rb.Recurrent:
    """A step whose gate is computed from a static input, as that of an EA-LSTM."""
    x, s, h = rb.Input(n, "x"), rb.Input(n, "s", per="sequence"), rb.State(n, "h")
    gate = rb.Sigmoid()(dense(1, n, n)(s))
    h_new = gate * rb.Tanh()(dense(2, n, n, n)(x, h)) + (1 - gate) * h
    return rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new))


def paired_cell(n: int) -> rb.Recurrent:
    """A step of two series."""
    a, b, h = rb.Input(n, "a"), rb.Input(n, "b"), rb.State(n, "h")
    h_new = rb.Tanh()(dense(3, n, n, n, n)(a, b, h)) * rb.Sigmoid()(b)
    return rb.Recurrent(rb.Cell((a, b), {h: h_new}, output=h_new))


def alone(n: int) -> Any:
    return gated_cell(n)


def two_series(n: int) -> Any:
    return paired_cell(n)


def mixed(n: int) -> Any:
    """A static input first; it is transformed once, feeds two cells, a layer and the head."""
    s, x, z = rb.Input(n, "s", per="sequence"), rb.Input(n, "x"), rb.Input(n, "z")
    h = gated_cell(n)(x, rb.Tanh()(dense(5, n, n)(s)))
    h = paired_cell(n)(h + z, s)  # the same at all steps where the cell takes a series
    return rb.Graph((s, x, z), dense(7, n, n, n, n)(rb.Tanh()(h), s, z))


def symbols(n: int) -> Any:
    """Integers at each step and for each sequence, joined with numbers."""
    s, x, g = rb.Input((), "s", per="sequence"), rb.Input(n, "x"), rb.Input((), "g")
    static = rb.Embedding(SYMBOLS, n, dtype="float64", rng=4)(s)
    series = rb.Embedding(SYMBOLS, n, dtype="float64", rng=5)(g)
    z = rb.GRU(n, n, dtype="float64", rng=6)(x + static + series)
    return rb.Graph((s, x, g), z * rb.Sigmoid()(static))


def dropped(n: int) -> Any:
    """One mask of a static value for a whole run, next to a mask for each step."""
    s, x = rb.Input(n, "s", per="sequence"), rb.Input(n, "x")
    both = rb.Concat(n, n)(rb.Dropout(0.4)(x), rb.Dropout(0.4)(s))
    return rb.Graph((s, x), rb.Dropout(0.3)(rb.RNN(2 * n, n, dtype="float64", rng=7)(both)))


def timeless(n: int) -> Any:
    """No Recurrents."""
    x, s = rb.Input(n, "x"), rb.Input(n, "s", per="sequence")
    return rb.Graph((x, s), rb.Tanh()(dense(8, n, n, n)(x, s)) * s)


class Data(NamedTuple):
    """By name of an input, and the target."""

    inputs: dict[str, Array]
    target: Array


MODELS: dict[str, tuple[Callable[[int], Any], str]] = {
    "alone": (alone, "x s"),
    "two series": (two_series, "a b"),
    "mixed": (mixed, "s x z"),
    "symbols": (symbols, "s x g"),
    "dropped": (dropped, "s x"),
    "timeless": (timeless, "x s"),
}
"""What builds each, and the names of its inputs in order: s is static, g symbols."""


def data(model: str, steps: int, batch: int, n: int, seed: int = 0) -> Data:
    """Inputs of a model, and a target."""
    rng = np.random.default_rng(seed)
    integers = {"g", "s"} if model == "symbols" else set[str]()
    shapes = {
        name: (batch,) if name == "s" else (steps, batch) for name in MODELS[model][1].split()
    }
    found = {
        name: rng.integers(0, SYMBOLS, shape) if name in integers else rng.normal(size=(*shape, n))
        for name, shape in shapes.items()
    }
    return Data(found, rng.normal(size=(steps, batch, n)))


def named(model: str, inputs: dict[str, Array]) -> Any:
    """The inputs in the order of a model, as a tuple."""
    return tuple(inputs[name] for name in MODELS[model][1].split())
