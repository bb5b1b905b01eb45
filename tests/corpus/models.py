"""The models of the corpus: how each is built, what x and y it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import rnnbp as rb
from tests import models as small


@dataclass(frozen=True)
class Model:
    """A function of the dtype, the feature shape of x or the number of its symbols, and that of y."""

    build: Callable[[str], Any]
    x: tuple[int, ...]
    y: tuple[int, ...]
    symbols: int = 0

    def data(self, steps: int, batch: int, dtype: str, seed: int = 0) -> np.ndarray:
        """x (T, B, ...)."""
        rng = np.random.default_rng(seed)
        if self.symbols:
            return rng.integers(0, self.symbols, (steps, batch))
        return rng.normal(size=(steps, batch, *self.x)).astype(dtype)


def _cell(build: Callable[..., Any], **options: Any) -> Callable[[str], Any]:
    return lambda dtype: build(3, 5, dtype=dtype, rng=1, **options)


OPTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no bias": {"bias": False},
    "learned": {"initial": "learned"},
    "inits": {"input_init": "glorot", "recurrent_init": "orthogonal", "bias_init": "zeros"},
    "he": {"input_init": "he", "recurrent_init": rb.initializers.uniform(0.2), "bias_init": 0.3},
    "learned, no bias, named": {"initial": "learned", "bias": False, "name": "cell"},
}
OWN: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "rnn": (rb.RNN, {}),
    "rnn relu": (rb.RNN, {"activation": "relu"}),
    "lstm": (rb.LSTM, {}),
    "lstm forget bias": (rb.LSTM, {"forget_bias": 1.5}),
    "gru": (rb.GRU, {}),
    "gru before": (rb.GRU, {"reset_after": False}),
}
CELLS: dict[str, Model] = {
    f"{cell}, {option}": Model(_cell(build, **own, **more), (3,), (5,))
    for cell, (build, own) in OWN.items()
    for option, more in OPTIONS.items()
    if not ("forget_bias" in own and more.get("bias") is False)
}
"""Every built-in cell with every option."""


def shared_initial(dtype: str) -> Any:
    """A Recurrent with a learned state in float of its own, its output another value than its state."""
    x, h = rb.Input(3), rb.State(4, "memory")
    h_new = rb.Tanh()(rb.Dense((3, 4), 4, dtype=dtype, rng=1)(x, h))
    y = rb.Softmax()(rb.Dense(4, 2, dtype=dtype, rng=2)(h_new))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=y), initial="learned")


def differences(dtype: str) -> Any:
    """A cell of sums, differences and products of several values, one of them with itself."""
    x, h = rb.Input(4), rb.State(4)
    a, b = (rb.Dense((4, 4), 4, dtype=dtype, rng=k)(x, h) for k in (1, 2))
    m = rb.Subtract()(rb.Tanh()(a), rb.Multiply()(b, b))
    h_new = rb.Tanh()(rb.Add(3)(m, h - x, 0.5 - a * h) - rb.ReLU()(b))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new - m))


def pieces(dtype: str) -> Any:
    """A cell that cuts values and joins and shapes them, in parts that overlap and parts that nothing takes."""
    x, h, c = rb.Input(4), rb.State(6, "h"), rb.State((2, 3), "c")
    a = rb.Dense((4, 6), 9, bias=False, dtype=dtype, rng=1)(x, h)
    first, middle, last = rb.Split(2, 4, 3)(a)
    cut = rb.Concat(4, 2)(rb.Slice(9, 3, 7)(a), rb.Identity()(first))
    c_new = rb.Reshape(6, (2, 3))(rb.Sigmoid()(cut)) * c + rb.Scale(-1.0, 1.0)(
        rb.Reshape(6, (2, 3))(h)
    )
    h_new = rb.Tanh()(rb.Flatten(2)(c_new)) * rb.Softmax()(
        rb.Concat(4, 2)(middle, rb.Split(1, 2)(last)[1])
    )
    return rb.Recurrent(
        rb.Cell(x, {h: h_new, c: c_new}, output=rb.LayerNorm((2, 3), dtype=dtype)(c_new))
    )


def embedded(dtype: str) -> Any:
    """A cell that takes symbols itself."""
    x, h = rb.Input(()), rb.State(5)
    h_new = rb.Tanh()(
        rb.Embedding(7, 5, dtype=dtype, rng=1)(x) + rb.Dense(5, 5, dtype=dtype, rng=2)(h)
    )
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def long(dtype: str) -> Any:
    """A cell whose kernel is long and is therefore put down in parts that call functions."""
    x, h = rb.Input(3), rb.State(4)
    v = rb.Dense((3, 4), 4, dtype=dtype, rng=1)(x, h)
    for k in range(140):
        v = rb.Tanh()(v * 0.9 + h) * rb.Sigmoid()(rb.LayerNorm(4, dtype=dtype)(v) - 0.01 * k)
    return rb.Recurrent(rb.Cell(x, {h: v}, output=rb.Softmax()(v)))


def _in_cell(layer: Callable[[str], Any], n: int = 4) -> Callable[[str], Any]:
    """A cell whose new state goes through a layer."""

    def build(dtype: str) -> Any:
        x, h = rb.Input(3), rb.State(n)
        h_new = layer(dtype)(rb.Dense((3, n), n, dtype=dtype, rng=3)(x, h))
        return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))

    return build


WITHIN: dict[str, Callable[[str], Any]] = {
    "sigmoid": lambda _: rb.Sigmoid(),
    "relu": lambda _: rb.ReLU(),
    "leaky relu": lambda _: rb.LeakyReLU(0.1),
    "elu": lambda _: rb.ELU(0.7),
    "gelu": lambda _: rb.GELU(),
    "softplus": lambda _: rb.Softplus(),
    "softmax": lambda _: rb.Softmax(),
    "log softmax": lambda _: rb.LogSoftmax(),
    "scale": lambda _: rb.Scale(0.5, -0.1),
    "norm": lambda dtype: rb.LayerNorm(4, dtype=dtype),
    "norm without weights": lambda dtype: rb.LayerNorm(
        4, weight=False, bias=False, eps=0.1, dtype=dtype
    ),
    "dropout": lambda _: rb.Dropout(0.3),
    "dropout of sequences": lambda _: rb.Dropout(0.3, every_step=False),
}
WRITTEN: dict[str, Model] = {
    **{f"cell with {name}": Model(_in_cell(layer), (3,), (4,)) for name, layer in WITHIN.items()},
    "output of its own": Model(shared_initial, (3,), (2,)),
    "differences": Model(differences, (4,), (4,)),
    "pieces": Model(pieces, (4,), (2, 3)),
    "symbols in cell": Model(embedded, (), (5,), symbols=7),
    "long cell": Model(long, (3,), (4,)),
    "gated unit": Model(lambda t: small.minimal_gated_unit(3, 5, t), (3,), (5,)),
    "gated unit, normalised": Model(
        lambda t: small.minimal_gated_unit(3, 5, t, norm=True), (3,), (5,)
    ),
    "lstm gate by gate": Model(lambda t: small.design_lstm(3, 5, t), (3,), (5,)),
    "one layer twice": Model(lambda t: small.one_layer_twice(3, 5, t), (3,), (5,)),
    "network in cell": Model(lambda t: small.network_in_cell(3, 5, t), (3,), (5,)),
    "convolution in cell": Model(lambda t: small.conv_cell(2, 5, t), (1, 5), (10,)),
}
"""Cells that are written out of layers."""


def one_hot(dtype: str) -> Any:
    return rb.Sequential(
        rb.OneHot(7, dtype), rb.GRU(7, 9, dtype=dtype, rng=1), rb.Dense(9, 7, dtype=dtype, rng=2)
    )


def table(dtype: str) -> Any:
    """Few symbols for the cell's inputs and states: its product with them is made once for each."""
    layers = rb.Embedding(5, 8, dtype=dtype, rng=0), rb.LSTM(8, 12, dtype=dtype, rng=1)
    return rb.Sequential(*layers, rb.Dense(12, 5, dtype=dtype, rng=2))


def deep(dtype: str) -> Any:
    """Three layers of cells with names, a head of two layers."""
    cells = rb.RNN(3, 5, dtype=dtype, rng=1, name="a"), rb.GRU(5, 6, dtype=dtype, rng=2, name="b")
    last = rb.LSTM(6, 4, dtype=dtype, rng=3, initial="learned", name="c")
    head = (
        rb.Dense(4, 6, dtype=dtype, rng=4),
        rb.GELU(),
        rb.Dense(6, 2, dtype=dtype, rng=5, name="head"),
    )
    return rb.Sequential(*cells, last, *head)


def tied(dtype: str) -> Any:
    """One LSTM at two places, a sum around it."""
    x = rb.Input(4)
    lstm = rb.LSTM(4, 4, dtype=dtype, rng=5)
    return rb.Graph(x, rb.Dense(4, 2, dtype=dtype, rng=6)(lstm(lstm(x) + x)))


def regression(dtype: str) -> Any:
    return rb.Sequential(rb.LSTM(3, 6, dtype=dtype, rng=1), rb.Dense(6, 2, dtype=dtype, rng=2))


def dropped(dtype: str) -> Any:
    cells = rb.LSTM(3, 6, dtype=dtype, rng=1), rb.Dropout(0.4), rb.GRU(6, 5, dtype=dtype, rng=2)
    return rb.Sequential(
        *cells, rb.Dropout(0.2, every_step=False), rb.Dense(5, 2, dtype=dtype, rng=3)
    )


def feedforward(dtype: str) -> Any:
    first, last = rb.Dense(3, 6, dtype=dtype, rng=1), rb.Dense(6, 2, dtype=dtype, rng=2)
    return rb.Sequential(first, rb.Tanh(), rb.Dropout(0.2), last)


NETWORKS: dict[str, Model] = {
    "regression": Model(regression, (3,), (2,)),
    "stack": Model(small.stack, (), (7,), symbols=7),
    "convolutions": Model(small.conv_stack, (1, 11), (3,)),
    "residual": Model(small.residual, (3,), (2,)),
    "one hot": Model(one_hot, (), (7,), symbols=7),
    "table": Model(table, (), (5,), symbols=5),
    "deep": Model(deep, (3,), (2,)),
    "tied": Model(tied, (4,), (2,)),
    "dropped": Model(dropped, (3,), (2,)),
    "feedforward": Model(feedforward, (3,), (2,)),
}
"""Models of several layers."""


def _wide(build: Callable[..., Any], n_in: int, n: int, **more: Any) -> Model:
    def network(dtype: str) -> Any:
        return rb.Sequential(
            build(n_in, n, dtype=dtype, rng=1, **more), rb.Dense(n, 17, dtype=dtype, rng=2)
        )

    return Model(network, (n_in,), (17,))


LARGE: dict[str, tuple[Model, int]] = {
    "lstm, many rows": (_wide(rb.LSTM, 40, 72), 48),
    "lstm, one row": (_wide(rb.LSTM, 64, 192), 1),
    "lstm, odd": (_wide(rb.LSTM, 13, 61), 7),
    "gru, many rows": (_wide(rb.GRU, 40, 72), 48),
    "gru, few rows": (_wide(rb.GRU, 64, 160), 2),
    "gru before, rows": (_wide(rb.GRU, 33, 65, reset_after=False), 19),
    "rnn, many rows": (_wide(rb.RNN, 64, 128), 64),
    "rnn relu, odd": (_wide(rb.RNN, 31, 95, activation="relu"), 5),
    "lstm of two layers": (
        Model(
            lambda t: rb.Sequential(
                rb.LSTM(32, 64, dtype=t, rng=1), rb.LSTM(64, 48, dtype=t, rng=2)
            ),
            (32,),
            (48,),
        ),
        32,
    ),
    "gated unit, normalised": (
        Model(lambda t: small.minimal_gated_unit(32, 64, t, norm=True), (32,), (64,)),
        32,
    ),
    "symbols": (
        Model(
            lambda t: rb.Sequential(
                rb.Embedding(60, 24, dtype=t, rng=0),
                rb.LSTM(24, 64, dtype=t, rng=1),
                rb.Dense(64, 60, dtype=t, rng=2),
            ),
            (),
            (60,),
            symbols=60,
        ),
        32,
    ),
}
"""Models that are large enough for several threads, with the rows of a batch."""
