"""Cells that are written to ONNX, each a function of the sizes: those that ONNX has, and others."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import rnnbp as rb
from tests.models import design_lstm, minimal_gated_unit

NODES: dict[str, Callable[[int, int], Any]] = {
    "lstm": rb.LSTM,
    "lstm peepholes": partial(rb.LSTM, peepholes=True),
    "lstm coupled": partial(rb.LSTM, coupled=True),
    "lstm peepholes, coupled": partial(rb.LSTM, peepholes=True, coupled=True),
    "lstm learned, no bias": partial(rb.LSTM, initial="learned", bias=False),
    "gru": rb.GRU,
    "gru reset before": partial(rb.GRU, reset_after=False, initial="learned"),
    "rnn": rb.RNN,
    "rnn relu": partial(rb.RNN, activation="relu"),
}
"""Those that ONNX has as operators."""

SCANS: dict[str, Callable[[int, int], Any]] = {
    "lstm projection, peepholes": partial(rb.LSTM, projection=4, peepholes=True),
    "lstm layer norm, zoneout": partial(rb.LSTM, layer_norm=True, zoneout=(0.1, 0.3)),
    "gru layer norm, learned": partial(rb.GRU, layer_norm=True, initial="learned"),
    "gru zoneout": partial(rb.GRU, zoneout=0.2, reset_after=False),
    "rnn leak": partial(rb.RNN, leak=0.3, recurrent_dropout=0.4),
    "mingru": partial(rb.MinGRU, positive=True, initial="learned"),
    "minlstm": rb.MinLSTM,
    "lru": rb.LRU,
    "indrnn": rb.IndRNN,
    "slstm": rb.SLSTM,
    "minimal gated unit": partial(minimal_gated_unit, dtype="float32", norm=True),
}
"""Those that become a Scan."""

CELLS = NODES | SCANS
GATE_BY_GATE = partial(design_lstm, dtype="float32")
DIRECTIONS: dict[str, Callable[[Any, Any], Any]] = {
    "forward": lambda first, _: first,
    "reverse": lambda first, _: rb.Recurrent(first.cell, reverse=True),
    "both": rb.Bidirectional,
}
"""By name, a layer of two Recurrents of one kind, of which "both" alone has the second."""


def layers(cell: str, direction: str, n_in: int, n: int, count: int) -> list[Any]:
    """Layers of a cell on top of each other, each in one direction or both."""
    found: list[Any] = []
    for _ in range(count):
        made = DIRECTIONS[direction](CELLS[cell](n_in, n), CELLS[cell](n_in, n))
        found.append(made)
        n_in = width(made, n_in)
    return found


def width(layer: Any, n_in: int) -> int:
    """Features of the output of a layer."""
    (shape,) = layer.output_shapes((n_in,))
    return int(shape[0])
