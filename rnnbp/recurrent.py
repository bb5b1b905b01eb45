"""Recurrent: a cell unrolled over time."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnbp.cell import Cell
from rnnbp.network import Network
from rnnbp.numerics import Array, Shape
from rnnbp.values import Value


class Recurrent(Network):
    """A cell unrolled over time.

    Args:
        cell: the step.
        initial: "zeros", or "learned": the initial state is then a parameter ``initial_<state>``, of the
            state's shape, zero at first, the same for every sequence of the batch.

    Shapes: x (T, B, ...) → y (T, B, ...). In a network its state is a tuple of arrays (B, ...), one for
    each State of the cell.
    """

    n_outputs = 1

    def __init__(self, cell: Cell, *, initial: str = "zeros") -> None:
        if not isinstance(cell, Cell):
            raise TypeError(
                f"Recurrent takes a Cell, found {type(cell).__name__}; as in Recurrent(Cell(x, {{h: h_new}}, h_new))"
            )
        if initial not in ("zeros", "learned"):
            raise ValueError(
                f"Recurrent: initial is 'zeros' or 'learned', found {initial!r}; give other values as state="
            )
        self.cell, self.layers = cell, cell.layers
        self.initial: dict[str, Array] = {}
        if initial == "learned":
            dtype = cell.dtype or np.dtype(np.float32)
            named = zip(cell.state_names, cell.state_shapes, strict=True)
            self.initial = {f"initial_{name}": np.zeros(shape, dtype) for name, shape in named}
        self.slots = cell.slots | {key: (self.initial, key) for key in self.initial}

    def __call__(self, x: Value) -> Any:
        """A node of the graph that ``x`` belongs to."""
        if not isinstance(x, Value):
            raise TypeError(f"{self} is called on a symbolic value, found {type(x).__name__}; for arrays use predict")
        return x.apply_layer(self, (x,))

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        """The feature shape of y. Raises ShapeError, naming the layer, where x does not fit the cell."""
        return self.cell.output_shapes(*shapes, *self.cell.state_shapes)[:1]

    def first_state(self, batch: int, dtype: np.dtype[Any]) -> tuple[Array, ...]:
        """The initial state, each array (B, ...): zeros, or the learned values."""
        if self.initial:
            return tuple(np.broadcast_to(a, (batch, *a.shape)) for a in self.initial.values())
        return tuple(np.zeros((batch, *shape), dtype) for shape in self.cell.state_shapes)

    def __repr__(self) -> str:
        return self.cell.name or f"Recurrent({self.cell!r})"
