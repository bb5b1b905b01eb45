"""Models of this library that Keras does not have, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import rnnbp as rb
from tests.keras_cases import F, N


def learned(_: Any) -> Any:
    return rb.LSTM(F, N, initial="learned", name="lstm")


def tied(_: Any) -> Any:
    first = rb.LSTM(F, N)
    return rb.Sequential(rb.Bidirectional(first, rb.Recurrent(first.cell, reverse=True)))


def custom(_: Any) -> Any:
    x, h = rb.Input(F), rb.State(N, "h")
    new = rb.Tanh()(rb.Dense((F, N), N)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new))


def two_inputs(_: Any) -> Any:
    a, b = rb.Input(F), rb.Input(F)
    return rb.Graph((a, b), rb.LSTM(F, N)(a + b))


def joined(_: Any) -> Any:
    x = rb.Input(F)
    return rb.Graph(x, x + rb.Dense(F, F)(x))


WRITTEN: Mapping[str, Callable[[Any], Any]] = {
    "peepholes": lambda keras: rb.LSTM(F, N, peepholes=True),
    "coupled": lambda keras: rb.LSTM(F, N, coupled=True),
    "projection": lambda keras: rb.LSTM(F, N, projection=2),
    "layer norm": lambda keras: rb.GRU(F, N, layer_norm=True),
    "zoneout": lambda keras: rb.GRU(F, N, zoneout=0.1),
    "leak": lambda keras: rb.RNN(F, N, leak=0.5),
    "another cell": lambda keras: rb.Sequential(rb.LRU(F, N)),
    "a cell of one's own": custom,
    "learned": learned,
    "tied": tied,
    "joined": joined,
    "reverse": lambda keras: rb.LSTM(F, N, reverse=True),
    "last of both": lambda keras: rb.Sequential(
        rb.Bidirectional(rb.LSTM(F, N), rb.LSTM(F, N)), rb.Last()
    ),
    "last of a layer": lambda keras: rb.Sequential(rb.LSTM(F, N), rb.Tanh(), rb.Last()),
    "directions of two sizes": lambda keras: rb.Bidirectional(rb.LSTM(F, N), rb.LSTM(F, 3)),
    "a layer that is not there": lambda keras: rb.Sequential(rb.Dense(F, N), rb.Gain(N)),
    "padding": lambda keras: rb.Conv1D(F, N, 5, padding=1),
    "flatten": lambda keras: rb.Sequential(rb.Flatten(2), rb.Dense(6, 2)),
    "one of Keras": lambda keras: keras.Sequential([keras.layers.LSTM(N)]),
    "a list": lambda keras: [rb.LSTM(F, N)],
    "a cell": lambda keras: rb.LSTM(F, N).cell,
    "two inputs": two_inputs,
    "mean": lambda keras: rb.Sequential(rb.Dense(F, N), rb.Mean()),
    "no model": lambda keras: "model",
    "a class of ours": lambda keras: rb.LSTM,
}
"""What to_keras refuses."""
