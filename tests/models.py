"""Small networks that several tests run, each a function of the dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb


def minimal_gated_unit(
    n_in: int, n: int, dtype: str, norm: bool = False, rng: int = 5
) -> rb.Recurrent:
    """A cell that is not built in (Zhou et al. 2016), with layer normalisation if asked for."""
    numbers = np.random.default_rng(rng)
    x, h = rb.Input(n_in), rb.State(n, "h")

    def dense() -> rb.Dense:
        return rb.Dense((n_in, n), n, dtype=dtype, rng=numbers)

    f = rb.Sigmoid()(dense()(x, h))
    m = dense()(x, f * h)
    if norm:
        m = rb.LayerNorm(n, dtype=dtype)(m)
    h_new = (1 - f) * h + f * rb.Tanh()(m)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def design_lstm(n_in: int, n: int, dtype: str) -> rb.Recurrent:
    """The LSTM of README: a Dense of two inputs for each gate."""
    numbers = np.random.default_rng(8)
    x, h, c = rb.Input(n_in), rb.State(n), rb.State(n)
    i, f, o = (
        rb.Sigmoid()(rb.Dense((n_in, n), n, dtype=dtype, rng=numbers)(x, h)) for _ in range(3)
    )
    g = rb.Tanh()(rb.Dense((n_in, n), n, dtype=dtype, rng=numbers)(x, h))
    c_new = f * c + i * g
    h_new = o * rb.Tanh()(c_new)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


def one_layer_twice(n_in: int, n: int, dtype: str) -> rb.Recurrent:
    """A cell whose gates have the same weights."""
    x, h = rb.Input(n_in), rb.State(n)
    dense = rb.Dense((n_in, n), n, dtype=dtype, rng=11)
    gate = rb.Sigmoid()(dense(x, h))
    h_new = gate * h + (1 - gate) * rb.Tanh()(dense(x, gate * h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def network_in_cell(n_in: int, n: int, dtype: str) -> rb.Recurrent:
    """A cell that holds a Sequential, a Graph, a split, dropout, and an output that feeds no state."""
    numbers = np.random.default_rng(9)
    x, h = rb.Input(n_in), rb.State(n)
    inner = rb.Sequential(
        rb.Dense(n_in, n, dtype=dtype, rng=numbers), rb.Softplus(), rb.Dropout(0.3)
    )
    a, b = rb.Input(n), rb.Input(n)
    merge = rb.Graph(
        [a, b], rb.Tanh()(rb.Dense((n, n), n, dtype=dtype, rng=numbers)(a, b)) + a * 0.5
    )
    h_new = merge(inner(x), h)
    left, right = rb.Split(1, n - 1)(h_new)
    y = rb.Concat(n - 1, 1)(rb.Dropout(0.2)(right), rb.ELU()(left))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=y))


def conv_cell(channels: int, width: int, dtype: str) -> rb.Recurrent:
    """A convolutional cell: its state is (channels, width)."""
    numbers = np.random.default_rng(10)
    x, h = rb.Input((1, width)), rb.State((channels, width))
    from_x = rb.Conv1D(1, channels, 3, padding=1, dtype=dtype, rng=numbers)
    from_h = rb.Conv1D(channels, channels, 3, padding=1, dtype=dtype, rng=numbers)
    h_new = rb.Tanh()(from_x(x) + from_h(h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=rb.Flatten(2)(h_new)))


CELLS: dict[str, Callable[..., Any]] = {
    "rnn tanh": lambda n_in, n, dtype: rb.RNN(n_in, n, rng=1, dtype=dtype),
    "rnn relu": lambda n_in, n, dtype: rb.RNN(n_in, n, activation="relu", rng=1, dtype=dtype),
    "rnn without bias": lambda n_in, n, dtype: rb.RNN(n_in, n, bias=False, rng=1, dtype=dtype),
    "lstm": lambda n_in, n, dtype: rb.LSTM(n_in, n, rng=2, dtype=dtype),
    "lstm learned state": lambda n_in, n, dtype: rb.LSTM(
        n_in, n, rng=2, dtype=dtype, initial="learned"
    ),
    "lstm forget bias, orthogonal": lambda n_in, n, dtype: rb.LSTM(
        n_in,
        n,
        rng=2,
        dtype=dtype,
        forget_bias=1.0,
        recurrent_init="orthogonal",
        input_init="glorot",
        bias_init="zeros",
    ),
    "lstm gate by gate": design_lstm,
    "gru reset after": lambda n_in, n, dtype: rb.GRU(n_in, n, rng=3, dtype=dtype),
    "gru reset before": lambda n_in, n, dtype: rb.GRU(
        n_in, n, rng=3, dtype=dtype, reset_after=False
    ),
    "gru learned state, no bias": lambda n_in, n, dtype: rb.GRU(
        n_in, n, rng=3, dtype=dtype, initial="learned", bias=False
    ),
    "mingru positive": lambda n_in, n, dtype: rb.MinGRU(
        n_in, n, rng=4, dtype=dtype, positive=True, initial="learned"
    ),
    "indrnn": lambda n_in, n, dtype: rb.IndRNN(n_in, n, rng=4, dtype=dtype, activation="tanh"),
    "slstm": lambda n_in, n, dtype: rb.SLSTM(n_in, n, rng=4, dtype=dtype, forget="exp"),
    "minlstm": lambda n_in, n, dtype: rb.MinLSTM(n_in, n, rng=4, dtype=dtype),
    "minimal gated unit": minimal_gated_unit,
    "minimal gated unit, normalised": lambda n_in, n, dtype: minimal_gated_unit(
        n_in, n, dtype, norm=True
    ),
    "one layer twice": one_layer_twice,
    "network in cell": network_in_cell,
}


OTHERS: dict[str, Callable[..., Any]] = {
    "lru": lambda n_in, n, dtype: rb.LRU(n_in, n, rng=4, dtype=dtype),
}
"""Cells of the library whose output is not of n features, or that have parameter values."""


def stack(dtype: str = "float32") -> rb.Sequential:
    """Symbols in, logits out: two layers, dropout between and inside."""
    return rb.Sequential(
        rb.Embedding(7, 3, dtype=dtype, rng=0),
        rb.LSTM(3, 4, dtype=dtype, rng=1, initial="learned"),
        rb.Dropout(0.3),
        network_in_cell(4, 3, dtype),
        rb.Dropout(0.4),
        rb.Dense(3, 7, dtype=dtype, rng=2),
    )


def conv_stack(dtype: str = "float32") -> rb.Sequential:
    """Convolution, two Recurrents, head."""
    return rb.Sequential(
        rb.Conv1D(1, 2, 3, stride=2, dtype=dtype, rng=0),
        rb.ReLU(),
        rb.MaxPool(2),
        rb.Flatten(2),
        rb.GRU(4, 3, dtype=dtype, rng=1),
        rb.LSTM(3, 2, dtype=dtype, rng=2),
        rb.LayerNorm(2, dtype=dtype),
        rb.Dense(2, 3, dtype=dtype, rng=3),
    )


def residual(dtype: str = "float32") -> rb.Graph:
    """A graph around Recurrents.

    A split, a skip, a merge, a layer used twice, a Recurrent used twice.
    """
    x = rb.Input(3)
    shared = rb.Dense(3, 3, dtype=dtype, rng=4)
    lstm = rb.LSTM(3, 3, dtype=dtype, rng=5)
    a = rb.Tanh()(shared(x))
    b = lstm(a) + a
    c = lstm(shared(b)) * b
    left, right = rb.Split(1, 2)(c - x)
    return rb.Graph(x, rb.Dense((1, 2, 3), 2, dtype=dtype, rng=6)(left, rb.Sigmoid()(right), c))
