"""Models whose cells have products with matrices of features, and of each sequence."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.graph.values import Value

Array = np.ndarray
OPTIONS: Any = {"dtype": "float64", "rng": 0}
S = 3
"""Lines of the static matrix."""
N = 4
"""Columns of it, and features of x and of the state."""


def inputs() -> tuple[Value, Value, Value]:
    """x, a matrix (S, N) of each sequence, and the state."""
    return rb.Input(N, "x"), rb.Input((S, N), "memory", per="sequence"), rb.State(N, "h")


def square(value: Value) -> Value:
    """N features as a matrix."""
    made: Value = rb.Reshape((N,), (2, N // 2))(value)
    return made


def model(given: tuple[Value, Value, Value], added: Value) -> Any:
    """h' = tanh(W x + V a), of a value made of h and the static matrix."""
    (x, memory, h), shape = given, added.shape
    assert shape is not None
    flat = added if len(shape) == 1 else rb.Flatten(2)(added)
    h_new = rb.Tanh()(rb.Dense((N, math.prod(shape)), N, **OPTIONS)(x, flat))
    return rb.Recurrent(rb.Cell((x, memory), {h: h_new}, output=h_new))


def looked_up(query: Value, memory: Value) -> Value:
    """The sum of the lines of a matrix, weighted by the softmax of their products with a query."""
    found: Value = memory.T @ rb.Softmax()(memory @ query)
    return found


def by_state() -> Any:
    """Both products with the static matrix take the state."""
    given = inputs()
    return model(given, looked_up(given[2], given[1]))


def by_input() -> Any:
    """They take x, and so run before the loop."""
    given = inputs()
    return model(given, looked_up(given[0], given[1]))


def of_output() -> Any:
    """They feed the output alone, and so run after the loop."""
    x, memory, h = inputs()
    h_new = rb.Tanh()(rb.Dense((N, N), N, **OPTIONS)(x, h))
    output = looked_up(h_new, memory) + h_new
    return rb.Recurrent(rb.Cell((x, memory), {h: h_new}, output=output))


def twice_and_more() -> Any:
    """The delta of the matrix is a sum of products and of something else."""
    x, memory, h = given = inputs()
    scaled = rb.Flatten(2)(memory) * rb.Sum()(h)
    return model(given, rb.Concat(S, S * N, S)(memory @ h, scaled, memory @ x))


def both_turned() -> Any:
    """Aᵀ Bᵀ of two matrices of features, and a product of a product."""
    x, _, h = given = inputs()
    return model(given, square(h).T @ square(x).T @ square(h))


def upright() -> Any:
    """A B and A Bᵀ."""
    x, _, h = given = inputs()
    return model(given, square(h) @ square(x) + square(x) @ square(h).T)


def of_parameters() -> Any:
    """Products of matrices of features with those of parameters, on either side."""
    _, _, h = given = inputs()
    w, v = rb.Parameter((3, 2), name="w", **OPTIONS), rb.Parameter((2, 3), name="v", **OPTIONS)
    return model(given, (w @ square(h)) @ (square(h) @ v))


def of_columns() -> Any:
    """The static matrix times a matrix of features."""
    _, memory, h = given = inputs()
    return model(given, memory @ rb.Reshape((N,), (N, 1))(h))


def random() -> Any:
    """A product of the static matrix and numbers drawn for each sequence."""
    x, memory, h = given = inputs()
    mask = rb.Dropout(0.4, per="sequence")(h)
    return model(given, (memory @ mask) * rb.Sum()(x))


MODELS: dict[str, Callable[[], Any]] = {
    "by state": by_state,
    "by input": by_input,
    "of output": of_output,
    "twice and more": twice_and_more,
    "both turned": both_turned,
    "upright": upright,
    "of parameters": of_parameters,
    "of columns": of_columns,
    "random": random,
}


def data(steps: int, batch: int, seed: int = 0) -> tuple[Any, Array]:
    """The inputs, and a target."""
    rng = np.random.default_rng(seed)
    x, memory = rng.normal(size=(steps, batch, N)), rng.normal(size=(batch, S, N))
    return (x, memory), rng.normal(size=(steps, batch, N))
