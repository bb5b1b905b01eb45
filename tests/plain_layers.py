"""A layer of a person's own, a loss and arrays, for tests of what the library does around them."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

import rnnbp as rb
from tests.helpers import reals

MSE = rb.losses.MeanSquaredError()


def weighted(y: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """The loss Σ w y."""
    return float((y * weights).sum()), weights


rand = partial(reals, seed=3)


class Plain(rb.Layer):
    """y = x, and a list of who ran: a layer of a person's own."""

    def __init__(self, label: str = "", runs: list[str] | None = None) -> None:
        self.params, self.label, self.runs = {}, label, runs if runs is not None else []

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        self.runs.append(self.label)
        return x, ()

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


class AsPython(rb.Layer):
    """A layer without parameters that does what another does, but is not lowered."""

    def __init__(self, layer: rb.Layer) -> None:
        self.params, self.layer = {}, layer

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return self.layer.forward(x)

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return self.layer.backward_inputs(saved, dy)

    def output_shapes(self, *shapes: Any) -> Any:
        return self.layer.output_shapes(*shapes)

    def keeps(self, *shapes: Any) -> Any:
        return self.layer.keeps(*shapes)

    def scratch(self, rows: int, *shapes: Any) -> Any:
        return self.layer.scratch(rows, *shapes)


def in_cell(layer: rb.Layer) -> rb.Recurrent:
    """A cell that applies the layer to its state."""
    x, h = rb.Input(3), rb.State(3)
    return rb.Recurrent(
        rb.Cell(x, {h: rb.Tanh()(layer(rb.Dense((3, 3), 3, rng=0)(x, h)))}, output=h)
    )
