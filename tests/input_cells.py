"""Cells of several inputs, series and static ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rnnbp as rb

N_X, N_S = 3, 2
SHAPES = [(5, 3, 4), (1, 1, 4), (40, 9, 37), (7, 2, 1), (600, 2, 5)]


def series(n: int, name: str = "x") -> Any:
    """An input with a value at each step."""
    return rb.Input(n, name)


def static(n: int, name: str = "s") -> Any:
    """An input that is the same at every step."""
    return rb.Input(n, name, per="sequence")


def dense(*n_in: int, n: int, rng: int = 0) -> Any:
    """A Dense in float64."""
    return rb.Dense(n_in, n, dtype="float64", rng=rng)


def static_gate(n: int) -> rb.Cell:
    """An LSTM whose input gate is a function of a static input alone (EA-LSTM, 1907.08456)."""
    x, s, h, c = series(N_X), static(N_S), rb.State(n, "h"), rb.State(n, "c")
    i = rb.Sigmoid()(dense(N_S, n=n, rng=1)(s))
    f, o, g = rb.Split(n, n, n)(dense(N_X, n, n=3 * n, rng=2)(x, h))
    c_new = rb.Sigmoid()(f) * c + i * rb.Tanh()(g)
    h_new = rb.Sigmoid()(o) * rb.Tanh()(c_new)
    return rb.Cell((x, s), {h: h_new, c: c_new}, output=h_new)


def one_product(n: int) -> rb.Cell:
    """One Dense of a series, a static input and the state; a second series is a factor."""
    x, s, z, h = series(N_X), static(N_S), series(n, "z"), rb.State(n)
    h_new = rb.Tanh()(dense(N_X, N_S, n, n=n)(x, s, h)) * z + z
    return rb.Cell((x, s, z), {h: h_new}, output=h_new * z)


def static_term(n: int) -> rb.Cell:
    """A static input as a term, as a factor, and taken away; it comes before the series."""
    x, s, h = series(n), static(n), rb.State(n)
    h_new = rb.Tanh()(dense(n, n, n=n)(x, h) + s) * s - s
    return rb.Cell((s, x), {h: h_new}, output=h_new)


def static_in_gates(n: int) -> rb.Cell:
    """A static term of all gates at once, which are taken apart."""
    x, s, h = series(N_X), static(2 * n), rb.State(n)
    z, r = rb.Split(n, n)(dense(N_X, n, n=2 * n)(x, h) + s)
    h_new = rb.Sigmoid()(z) * h + rb.Tanh()(r)
    return rb.Cell((x, s), {h: h_new}, output=h_new)


def without_x(n: int) -> rb.Cell:
    """A next state that depends on no series; an input that nothing takes."""
    x, unused, s, h = series(n), series(4, "unused"), static(n), rb.State(n)
    return rb.Cell((x, unused, s), {h: rb.Tanh()(h) * s + s}, output=h * x)


def static_ends(n: int) -> rb.Cell:
    """A static input is y, and a next state."""
    x, s, h, g = series(n), static(n), rb.State(n, "h"), rb.State(n, "g")
    return rb.Cell((x, s), {h: s, g: x + h * g}, output=s)


def by_rows(n: int) -> rb.Cell:
    """Layers over all features of a static input, and of rows of it."""
    x, s, h = series(n), static(n + 2), rb.State(n)
    part = rb.Slice(n + 2, 1, n + 1)(s)
    normal = rb.LayerNorm(n, dtype="float64")(part)
    mixed = rb.Softmax()(part) * x + rb.Slice(2 * n, 1, n + 1)(rb.Concat(n, n)(part, h + x * part))
    h_new = rb.Tanh()(dense(n, n, n=n)(part, h) + normal * mixed)
    return rb.Cell((x, s), {h: h_new}, output=h_new)


def two_series(n: int) -> rb.Cell:
    """Two series, each taken by a product alone, and one of them twice."""
    x, z, h = series(N_X), series(n, "z"), rb.State(n)
    gate = rb.Sigmoid()(dense(n, rng=1, n=n)(z))
    h_new = gate * rb.Tanh()(dense(N_X, n, n, n=n)(x, z, h))
    return rb.Cell((x, z), {h: h_new}, output=h_new)


def static_sum(n: int) -> rb.Cell:
    """A product and a static input are summed for what the loop takes, and for y."""
    x, s, h = series(N_X), static(n), rb.State(n)
    product = rb.Dense(N_X, n, bias=False, dtype="float64", rng=1)(x) + s
    h_new = rb.Tanh()(product + h)
    return rb.Cell((x, s), {h: h_new}, output=product * h_new)


def chained(*more: Any) -> rb.Cell:
    """A state that y sees two steps later; ``more`` are inputs that nothing takes."""
    x, a, b, c = series(3), rb.State(3, "a"), rb.State(3, "b"), rb.State(3, "c")
    return rb.Cell((*more, x), {a: rb.Tanh()(x + a), b: b + a, c: c * b}, output=c)


CELLS: dict[str, Callable[[int], rb.Cell]] = {
    make.__name__: make
    for make in (
        static_gate,
        one_product,
        static_term,
        static_in_gates,
        static_sum,
        without_x,
        static_ends,
        by_rows,
        two_series,
    )
}
"""By name, a cell of n features."""
