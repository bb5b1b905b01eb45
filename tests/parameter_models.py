"""Models with parameter values: each as it is written in the literature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.graph.values import Value

Array = np.ndarray
OPTIONS: Any = {"dtype": "float64"}


def parameter(*shape: int, seed: int, name: str | None = None, init: Any = "uniform") -> Value:
    return rb.Parameter(shape, init=init, name=name, rng=seed, **OPTIONS)


def plain(n: int) -> Any:
    """h' = tanh(W h + U x + b)."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    w, u = parameter(n, n, seed=0, name="w"), parameter(n, n, seed=1, name="u")
    h_new = rb.Tanh()(w @ h + u @ x + parameter(n, seed=2, name="b"))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def squared(n: int) -> Any:
    """Weights that are not negative, W ⊙ W, times a factor a unit, next to a Dense."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    w, g = parameter(n, n, seed=0, name="w"), parameter(n, seed=1, name="g")
    h_new = rb.Tanh()(g * ((w * w) @ h) + rb.Dense(n, n, rng=3, **OPTIONS)(x))
    return rb.Sequential(
        rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new), initial="learned"),
        rb.Dense(n, n, rng=4, **OPTIONS),
    )


def low_rank(n: int) -> Any:
    """W = U Vᵀ of two thin matrices; V is the input matrix too."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    u, v = parameter(n, 2, seed=0, name="u"), parameter(n, 2, seed=1, name="v")
    h_new = rb.Tanh()((u @ v.T) @ h + u @ (v.T @ x))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def tied(n: int) -> Any:
    """One matrix takes x in, and is the transposed output."""
    w, x = parameter(n, n, seed=0, name="w"), rb.Input(n, "x")
    z = rb.GRU(n, n, rng=1, **OPTIONS)(w @ x + parameter(n, seed=5))
    return rb.Graph(x, w.T @ rb.Tanh()(z))


def connections(n: int) -> Any:
    """DropConnect: one mask of the recurrent matrix a run."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    w = rb.Dropout(0.4)(parameter(n, n, seed=0, name="w"))
    h_new = rb.Tanh()(w @ h + x)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def twice(n: int) -> Any:
    """One cell in two places, and its matrix a third time outside them."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    w = parameter(n, n, seed=0, name="w")
    cell = rb.Cell(x, {h: rb.Tanh()((2 * w) @ h + x)}, output=h + x)
    first, second, outer = rb.Recurrent(cell), rb.Recurrent(cell), rb.Input(n, "x")
    return rb.Graph(outer, w @ second(rb.Sigmoid()(first(outer))) + rb.Softmax()(w @ outer))


def gated(n: int) -> Any:
    """A vector of parameters next to a static input, within a cell and outside."""
    x, s, h = rb.Input(n, "x"), rb.Input(n, "s", per="sequence"), rb.State(n, "h")
    b, w = parameter(n, seed=0, name="b"), parameter(n, n, seed=1, name="w")
    gate = rb.Sigmoid()(w @ s + b)
    h_new = gate * h + (1 - gate) * rb.Tanh()(w @ x + b * h)
    cell = rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new * b))
    outer, static = rb.Input(n, "x"), rb.Input(n, "s", per="sequence")
    return rb.Graph((outer, static), cell(outer + b, static * b) * b)


def learned_input(n: int) -> Any:
    """A parameter in the place of a static input."""
    x, s, h = rb.Input(n, "x"), rb.Input(n, "s", per="sequence"), rb.State(n, "h")
    h_new = rb.Tanh()(x + h * s)
    cell = rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new))
    outer = rb.Input(n, "x")
    return rb.Graph(outer, cell(outer, parameter(n, seed=0, name="s")))


def three_times(n: int) -> Any:
    """A vector of parameters that one layer takes twice next to a static input, and next to x."""
    x, s, h = rb.Input(n, "x"), rb.Input(n, "s", per="sequence"), rb.State(n, "h")
    b = parameter(n, seed=0, name="b")
    gate = rb.Sigmoid()(rb.Dense((n, n, n), n, rng=1, **OPTIONS)(b, s, b) * rb.Multiply()(b, s, b))
    h_new = gate * h + rb.Dense((n, n, n), n, rng=2, **OPTIONS)(b, x, b)
    cell = rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=rb.Multiply()(b, h_new, b)))
    outer, static = rb.Input(n, "x"), rb.Input(n, "s", per="sequence")
    return rb.Graph((outer, static), rb.Multiply()(b, cell(outer, static), b))


def dale(n: int) -> Any:
    """A leaky rate network (1602.07389): W+ = |W| ⊙ mask ⊙ signs of Dale's law."""
    rng = np.random.default_rng(6)
    mask, signs = rng.random((n, n)) < 0.7, np.where(np.arange(n) % 4 == 3, -1.0, 1.0)
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    w = abs(parameter(n, n, seed=0, name="w")) * (mask * signs)
    u = parameter(n, n, seed=1, name="u")
    rates = rb.ReLU()(w @ h + u @ x + parameter(n, seed=2, name="b"))
    h_new = 0.8 * h + 0.2 * rates
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def normalised(n: int) -> Any:
    """Weight normalisation (1602.07868): W = g v / ||v||, row by row."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    v, g = parameter(n, n, seed=0, name="v"), parameter(n, 1, seed=1, name="g")
    w = g * v / rb.Sqrt()(rb.Sum()(v**2))
    h_new = rb.Tanh()(w @ h + x)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def decaying(n: int) -> Any:
    """A decay a unit, exp(-exp nu), as of LRU."""
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    decay = rb.Exp()(-rb.Exp()(parameter(n, seed=0, name="nu")))
    h_new = decay * h + (1 - decay**2) ** 0.5 * x
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=rb.Tanh()(h_new)))


def reservoir(n: int) -> Any:
    """A fixed recurrent matrix, as of an echo state network, and a learned readout of it."""
    fixed = np.random.default_rng(8).normal(size=(n, n)) / n**0.5
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    h_new = rb.Tanh()(fixed @ h + x @ fixed)
    cell = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    outer = rb.Input(n, "x")
    return rb.Graph(outer, parameter(n, n, seed=0, name="out") @ cell(outer) + fixed @ outer)


MODELS: dict[str, Callable[[int], Any]] = {
    "plain": plain,
    "squared": squared,
    "low rank": low_rank,
    "tied": tied,
    "connections": connections,
    "twice": twice,
    "gated": gated,
    "learned input": learned_input,
    "three times": three_times,
    "dale": dale,
    "normalised": normalised,
    "decaying": decaying,
    "reservoir": reservoir,
}


def data(model: str, steps: int, batch: int, n: int, seed: int = 0) -> tuple[Any, Array]:
    """The inputs of a model, and a target."""
    rng = np.random.default_rng(seed)
    x, s = rng.normal(size=(steps, batch, n)), rng.normal(size=(batch, n))
    given: Any = (x, s) if model in ("gated", "three times") else x
    return given, rng.normal(size=(steps, batch, n))
