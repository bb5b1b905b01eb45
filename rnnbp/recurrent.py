"""Recurrent: a cell unrolled over the steps of a chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from rnnbp.cell import Cell
from rnnbp.graph import backward_node, forward_node
from rnnbp.network import Network
from rnnbp.numerics import Array, Saved, Shape
from rnnbp.rng import Context
from rnnbp.values import Value

PLACES = 1 << 20
"""Room for the nodes of one cell in the numbering of random places."""


class Accumulator(Protocol):
    """Takes parameter gradients: rnnbp.bptt.gradients.Accumulators."""

    def add(self, owner: dict[str, Array], grads: Mapping[str, Array]) -> None: ...


@dataclass(slots=True)
class Tape:
    """The internals of a chunk of one Recurrent: what each node kept, step by step."""

    context: Context
    steps: list[list[Saved]] = field(default_factory=list)
    batch: tuple[int, ...] = ()


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

    def forward(
        self, x: Array, state: Sequence[Array], context: Context, *, keep: bool, output: bool = True
    ) -> tuple[Array | None, tuple[Array, ...], Tape]:
        """Run the steps of a chunk, x (L, B, ...).

        Returns y (L, B, ...), or None without ``output``; the state after the last step; and the tape,
        empty unless ``keep``. Without output or tape, what does not feed the state is skipped.
        """
        nodes = self.cell.nodes if keep or output else self.cell.feeding
        tape, ys, present = Tape(context, batch=x.shape[:2]), [], tuple(state)
        for t, x_t in enumerate(x):
            values: list[Any] = [x_t, *present, *[None] * (self.cell.n_values - 1 - len(present))]
            here = replace(context, step=context.step + t, length=None)
            saved = [forward_node(node, values, here) for node in nodes]
            y_t, *new = (values[k] for k in self.cell.outputs)
            present = tuple(new)
            if keep:
                tape.steps.append(saved)
            if output:
                ys.append(y_t)
        return (np.stack(ys) if output else None), present, tape

    def backward(
        self, tape: Tape, dy: Array | None, dstate: Sequence[Array | None], grads: Accumulator
    ) -> tuple[Array | None, tuple[Array | None, ...]]:
        """The delta recursion from the last step of a chunk to its first, then the parameter gradients.

        Args:
            dy: (L, B, ...), dstate: (B, ...) for each state, None for zero.

        Returns dx (L, B, ...) and the deltas of the state that entered.
        """
        carried = list(dstate)
        dxs: list[Array | None] = []
        waiting: list[list[Any]] = [[] for _ in self.cell.nodes]
        for t in reversed(range(len(tape.steps))):
            deltas: list[Array | None] = [None] * self.cell.n_values
            for k, delta in zip(self.cell.outputs, (None if dy is None else dy[t], *carried), strict=True):
                if delta is not None:
                    present = deltas[k]
                    deltas[k] = delta if present is None else present + delta
            for node, saved in zip(reversed(self.cell.nodes), reversed(tape.steps[t]), strict=True):
                d = backward_node(node, saved, deltas)
                if getattr(node.block, "params", None):
                    waiting[node.number].append(d)
            dxs.append(deltas[0])
            carried = deltas[1 : 1 + len(carried)]
        self._read_off(tape, waiting, grads)
        return _stack(dxs[::-1]), tuple(carried)

    def _read_off(self, tape: Tape, waiting: list[list[Any]], grads: Accumulator) -> None:
        """Parameter gradients of a chunk: one product per weight, over all steps at once."""
        for node in self.cell.nodes:
            layer: Any = node.block
            dys = waiting[node.number][::-1]
            steps = [t for t, d in enumerate(dys) if d is not None]
            if not steps:
                continue
            saved = [tape.steps[t][node.number] for t in steps]
            stacked = tuple(np.stack(parts) for parts in zip(*saved, strict=True))
            grads.add(layer.params, layer.backward_params(stacked, _stack_dys([dys[t] for t in steps])))

    def __repr__(self) -> str:
        return self.cell.name or f"Recurrent({self.cell!r})"


def _stack(parts: Sequence[Array | None]) -> Array | None:
    present = next((part for part in parts if part is not None), None)
    if present is None:
        return None
    return np.stack([np.zeros_like(present) if part is None else part for part in parts])


def _stack_dys(dys: list[Any]) -> Any:
    """The dys of all steps as one: of a layer with several outputs, a tuple of stacks."""
    if isinstance(dys[0], tuple):
        return tuple(_stack(parts) for parts in zip(*dys, strict=True))
    return np.stack(dys)
