"""A slow reference of networks over time: each row alone, a step at a time, over whole series.

There is no batch, no chunk, no order of rows and no stage here, and nothing of the engine: layers run
by their ``forward``, cells node by node. All takes complex numbers, so that a complex step gives the
derivative by whatever a network was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

import rnnbp as rb
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.layers.penalty import Penalty
from rnnbp.rng import Context
from tests.over_time_items import OVER_TIME, Item, RowContext, finest

Array: TypeAlias = npt.NDArray[Any]
States: TypeAlias = Sequence["tuple[Array, ...] | None"]
"""For each top-level Recurrent its initial state, arrays (B, ...), or None for its own."""


@dataclass(frozen=True)
class Given:
    """What a network is run on.

    Attributes:
        inputs: arrays (T, B, ...) of series, (B, ...) of static inputs, in the caller's order.
        lengths: by axis (B,); all steps where an axis has none.
        reset: by axis (T, B), bool.
        state: see ``States``.
    """

    inputs: Sequence[Array]
    lengths: Mapping[str, Array] = field(default_factory=dict)
    reset: Mapping[str, Array] = field(default_factory=dict)
    state: States = ()
    seed: int = 0
    training: bool = True


@dataclass(frozen=True)
class Place:
    """Where a layer runs: the number of its node, its step, and how often it is run."""

    number: int
    step: int
    per: str
    axis: str


class Row:
    """A row of a batch, run alone.

    Attributes:
        values: by number of a value of the graph.
        final: the last states of each Recurrent or call of one, in the order of nodes.
        charges: what its values add to the loss by penalties.
    """

    def __init__(self, graph: Graph, given: Given, row: int) -> None:
        self.given, self.row, self.graph = given, row, graph
        self.batch = batch_of(graph, given)
        self.values: dict[int, Item] = {}
        self.final: list[tuple[Array, ...]] = []
        self.charges: list[Any] = []
        own = iter(given.state or [])
        for k, (array, per) in enumerate(zip(given.inputs, graph.pers, strict=True)):
            self.values[k] = self._input(k, array, per)
        for node in graph.nodes:
            args = [self.values[k] for k in node.args]
            outs = self._run(node, args, own)
            self.values.update(zip(node.outs, outs, strict=True))

    def _input(self, k: int, array: Array, per: str) -> Item:
        if per != "step":
            return Item(array[self.row], per)
        axis = axis_of(self.graph, k)
        return Item(array[: self.steps(axis, len(array)), self.row], per, axis)

    def steps(self, axis: str, default: int) -> int:
        """The length of this row on an axis."""
        lengths = self.given.lengths.get(axis)
        return default if lengths is None else int(lengths[self.row])

    def _run(self, node: Node, args: list[Item], own: Iterator[Any]) -> list[Item]:
        block: Any = node.block
        if isinstance(block, Layer):
            return self._layer(node, args)
        if isinstance(block, Recurrent):
            given = next(own, None)
            first = None if given is None else [Item(a[self.row], "sequence") for a in given]
            initial = self._initial(block, [None] * len(block.cell.state_shapes))
            return self._recurrent(node, block, args, initial, first or initial)[:1]
        if type(block).__name__ == "Unrolled":
            count = block.recurrent.cell.n_inputs
            initial = self._initial(block.recurrent, states_given(block, args[count:]))
            found = self._recurrent(node, block.recurrent, args[:count], initial, initial)
            return found if block.gives_state else found[:1]
        return OVER_TIME[type(block).__name__](args[0])

    def _initial(self, block: Recurrent, given: Sequence[Item | None]) -> list[Item]:
        """The state that a sequence, or an episode of it, starts from."""
        learned = list(block.initial.values()) or [
            np.zeros(shape, self.graph.dtype) for shape in block.cell.state_shapes
        ]
        return [
            Item(array, "sequence") if item is None else Item(item.array, "sequence")
            for array, item in zip(learned, given, strict=True)
        ]

    def _layer(self, node: Node, args: list[Item]) -> list[Item]:
        per = finest(args)
        series = [a for a in args if a.per == "step"]
        if not series:
            found = self._call(node, args, 0, Place(node.number, 0, per, ""))
            return [Item(y, per) for y in found]
        (axis,), backward = {a.axis for a in series}, all(a.backward for a in series)
        length, steps = len(series[0].array), []
        for t in range(length):
            place = Place(node.number, length - 1 - t if backward else t, per, axis)
            steps.append(self._call(node, args, t, place))
        return [Item(np.stack(ys), per, axis, backward) for ys in zip(*steps, strict=True)]

    def _call(self, node: Node, args: Sequence[Item], t: int, place: Place) -> list[Array]:
        """The outputs of a layer at a step, without an axis for the batch."""
        layer: Any = node.block
        xs = [a.at(t) for a in args]
        if place.per != "run" and not layer.mixes:
            xs = [x[None] if a.per == "run" else x for x, a in zip(xs, args, strict=True)]
        if isinstance(layer, Penalty):
            self._charge(layer, args[0].at(t), place)
        own: dict[str, Any] = {"context": self._context(place)} if layer.random else {}
        if layer.typed:
            own = {"dtype": self.graph.dtype}
        y = layer.forward(*xs, **own)[0]
        ys = y if layer.n_outputs > 1 else (y,)
        return list(ys) if place.per == "run" else [part[0] for part in ys]

    def _context(self, place: Place) -> RowContext:
        given = self.given
        whole = Context(given.seed, place.step, None, place.number, given.training, None)
        if place.per == "run":
            return RowContext(whole, self.batch, None)
        row = self.row if place.per == "sequence" else self._rank(place.axis)
        return RowContext(whole, self.batch, row)

    def _rank(self, axis: str) -> int:
        """The place of the row among those of an axis, by length, the longest first."""
        lengths = self.given.lengths.get(axis)
        if lengths is None:
            return self.row
        return int(np.argsort(np.argsort(-np.asarray(lengths), kind="stable"))[self.row])

    def _charge(self, penalty: Penalty, x: Array, place: Place) -> None:
        """Σ l1 |x| + l2 x², of the mean over what the penalty is on."""
        count = self.batch
        if place.per == "step":
            count = steps_of(self.graph, self.given, place.axis)
        size = np.where(x.real < 0, -x, x)
        self.charges.append((penalty.l1 * size + penalty.l2 * x * x).sum() / count)

    def _recurrent(
        self,
        node: Node,
        block: Recurrent,
        inputs: list[Item],
        initial: list[Item],
        first: list[Item],
    ) -> list[Item]:
        """y, and the final states."""
        axis = next(a.axis for a in inputs if a.per == "step")
        length = next(len(a.array) for a in inputs if a.per == "step")
        reverse, flags = bool(getattr(block, "reverse", False)), self.given.reset.get(axis)
        state, ys = first, list[Array]()
        for step in range(length):
            t = length - 1 - step if reverse else step
            # The other way an episode ends where the next one starts.
            starts = t + 1 if reverse else t
            if flags is not None and starts < length and flags[starts, self.row]:
                state = initial
            y, state = self._step(node, block, inputs, state, t, Place(0, step, "step", axis))
            ys.append(y)
        self.final.append(tuple(item.array for item in state))
        y = np.stack(ys[::-1] if reverse else ys)
        return [Item(y, "step", axis, reverse), *state]

    def _step(
        self,
        node: Node,
        block: Recurrent,
        inputs: list[Item],
        state: list[Item],
        t: int,
        here: Place,
    ) -> tuple[Array, list[Item]]:
        """(y, the state) after a step of a cell."""
        cell, first = block.cell, (node.number + 1) << 20
        found: dict[int, Item] = dict(enumerate([*inputs, *state]))
        moving = set(range(len(inputs), len(found)))
        moving |= {k for k, a in enumerate(inputs) if a.per == "step" or cell.pers[k] == "step"}
        for each in cell.nodes:
            args = [found[k] for k in each.args]
            moves = not moving.isdisjoint(each.args)
            per = "step" if moves else finest(args)
            place = Place(first + each.number, here.step, per, here.axis)
            if not moves and here.step:  # it is the same at all steps, and counts once
                place = Place(first + each.number, 0, per, here.axis)
            charges = len(self.charges)
            ys = self._call(each, args, t, place)
            if not moves and here.step:
                del self.charges[charges:]
            # What the cell computes is of this step alone: it has no axis of steps.
            own = "sequence" if moves else per
            found.update((k, Item(y, own)) for k, y in zip(each.outs, ys, strict=True))
            moving |= set(each.outs) if moves else set()
        y, *new = [found[k] for k in cell.outputs]
        ends = [
            Item(item.at(t)[0] if item.per == "step" else item.array, "sequence") for item in new
        ]
        return (y.at(t)[0] if y.per == "step" else y.array), ends


def states_given(block: Any, args: Sequence[Item]) -> list[Item | None]:
    """The static value for each state of a call of a Recurrent, None for its own."""
    found = iter(args)
    return [next(found) if given else None for given in block.given]


def axis_of(graph: Graph, k: int) -> str:
    """The time axis of an input that is a series."""
    axes: Sequence[str] = getattr(graph, "axes", ())
    return axes[k] if axes else "time"


def batch_of(graph: Graph, given: Given) -> int:
    """How many rows there are."""
    array, per = given.inputs[0], graph.pers[0]
    return int(array.shape[1 if per == "step" else 0])


def steps_of(graph: Graph, given: Given, axis: str) -> int:
    """The steps of all rows on an axis."""
    if axis in given.lengths:
        return int(np.sum(given.lengths[axis]))
    series = [k for k, per in enumerate(graph.pers) if per == "step" and axis_of(graph, k) == axis]
    return int(np.prod(given.inputs[series[0]].shape[:2]))


def as_graph(model: Any) -> Graph:
    """A model as a graph: a Recurrent alone is one of a node."""
    return Graph.of_one(model) if isinstance(model, rb.Recurrent) else model
