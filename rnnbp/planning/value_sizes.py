"""A model and what it is run on: shapes and bytes of its values, before there is any data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.layout import layouts
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.model_split import Parts, parts_of
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.random_layer import in_mode
from rnnbp.numerics import Dtype, Shape
from rnnbp.planning.input_sizes import InputSizes
from rnnbp.runners import select
from rnnbp.runners.backend import Backend
from rnnbp.runners.factory import LayerSizes
from rnnbp.runners.lanes import lanes_of, workspaces
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.support.lazy import cached_property


@dataclass(frozen=True)
class ValueSizes:
    """A model, the batches and the loss that it is run on, and the backend that runs it.

    Args:
        x_shape: feature shape of x, the first input that has a value at each step. floats: whether
            it is floats, and so has a gradient.
        copied: whether chunks of x must be copied, for their dtype or their order.
        loss_spare: temporary arrays of the loss apart from dy, in sizes of the output.
        loss_rows: its bytes for each row of the output, as a number for each.
        loss_brief: whether dy lies in memory that is kept from run to run.
        row_bytes: those of ``InRounds`` for its rows; None where it is taken chunk by chunk.
        loss_whole: whether it takes the outputs of all steps at once, so that their dy is held for
            all steps.
        dx: whether the gradient by x is kept. return_y: whether y of all steps is.
        symbol_bytes: of an element of x that is no float.
        target_bytes: for a step, of target and mask where they are read anew for each chunk.
        training: False in evaluation mode.
        others: the inputs apart from x.
        penalised: temporary bytes of penalties on parameters, once the run is over.
        dstate: the Recurrents, by node number, whose final states have deltas from outside.
    """

    model: Graph
    x_shape: Shape
    batch: int
    dtype: Dtype
    floats: bool = True
    copied: bool = False
    loss_spare: float = 2.0
    loss_rows: int = 0
    loss_brief: bool = False
    loss_whole: bool = False
    dx: bool = True
    return_y: bool = False
    symbol_bytes: int = 8
    target_bytes: int = 0
    training: bool = True
    backend: Backend = field(default_factory=Backend)
    others: tuple[InputSizes, ...] = ()
    penalised: int = 0
    dstate: frozenset[int] = frozenset()
    row_bytes: int | None = field(default=0, repr=False, compare=False)

    def __getstate__(self) -> dict[str, object]:
        """The fields alone: what has been worked out from them may hold kernels, which stay in
        their process.
        """
        return {part.name: vars(self)[part.name] for part in fields(self)}

    @cached_property
    def parts(self) -> Parts:
        """The model's body and tail."""
        return parts_of(self.model)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The feature shape of every value."""
        return [shape or () for shape in self.model.value_shapes(*self.x_shapes)]

    @property
    def x_shapes(self) -> tuple[Shape, ...]:
        """The feature shapes of all inputs."""
        found = [each.shape for each in self.others]
        found.insert(self.parts.x, self.x_shape)
        return tuple(found)

    @cached_property
    def inputs(self) -> dict[int, InputSizes]:
        """All inputs, by number."""
        of_x = self.floats, self.copied, self.symbol_bytes
        x = InputSizes(self.parts.x, self.x_shape, *of_x)
        return {each.number: each for each in (x, *self.others)}

    @cached_property
    def cells(self) -> dict[int, RunnerSizes]:
        """What the runner of each Recurrent holds and needs, by node number."""
        found = layouts(self.model, self.x_shapes, self.batch, self.dtype, training=self.training)
        parts = self.parts
        return {
            number: select.sizes(layout, self.backend, parts.symbols_of(number))
            for number, layout in found.items()
        }

    @cached_property
    def lanes(self) -> tuple[int, ...]:
        """The Recurrents that are lanes, by number."""
        return lanes_of(self.parts, self.cells)

    def workspaces(self, length: int) -> int:
        """The workspace that all Recurrents share; of lanes, those of each."""
        if self.lanes:
            return workspaces(self.lanes, self.cells, length)
        return max((part.workspace_bytes(length) for part in self.cells.values()), default=0)

    def placed(self, value: int) -> bool:
        """True if the delta of an input has a place where it may be written."""
        return self.dx

    def written(self, node: Node, value: int) -> bool:
        """True if the delta of an input is written where it stays, among the gradients."""
        return value in self.parts.taken_once.get(node.number, ()) and self.placed(value)

    @property
    def sources(self) -> Iterable[int]:
        """The values that have deltas from a loss."""
        return self.model.outputs

    @property
    def ahead(self) -> Sequence[Node]:
        """The nodes that run forward before any Backward."""
        return self.model.nodes if self.loss_whole else self.parts.body

    @cached_property
    def reached(self) -> frozenset[int]:
        """The numbers of the nodes whose outputs, or final states, have deltas."""
        values, found = {*self.sources}, set[int]()
        for node in reversed(self.model.nodes):
            if values.isdisjoint(node.outs) and node.number not in self.dstate:
                continue
            found.add(node.number)
            part = self.cells.get(node.number)
            reached = (True,) * len(node.args) if part is None else part.reached
            values.update(k for k, yes in zip(node.args, reached, strict=True) if yes)
        return frozenset(found)

    @cached_property
    def numbers(self) -> dict[int, RunnerSizes]:
        """The values that are numbers of symbols in a table, and sizes of what looks them up."""
        return {
            node.outs[0]: self.cells[k]
            for k, node in self.parts.spelled.items()
            if self.cells[k].looks_up
        }

    def tape_of(self, node: Node, length: int) -> int:
        """What a Recurrent puts in a tape; as much as is known of layers that do not declare it."""
        part = self.cells[node.number]
        try:
            return part.tape_bytes(length)
        except TypeError:
            return part.thin_bytes(length)

    def remade(self, node: Node) -> bool:
        """True if an output is made from the tape when the tail needs it, and not kept."""
        return self.cells[node.number].remakes_output and self.parts.fed.isdisjoint(node.outs)

    def layer(self, node: Node) -> Layer:
        """The layer whose bytes one outside cells takes."""
        assert isinstance(node.block, Layer)
        return in_mode(node.block, training=self.training)

    def keeps(self, node: Node) -> Keeps | None:
        """What a layer outside cells saves."""
        return self.layer(node).keeps(*(self.shapes[k] for k in node.args))

    def extra(self, shape: Shape, dtype: str | None) -> int:
        """Bytes of an array of a layer's own, for one element of the batch."""
        return math.prod(shape) * np.dtype(dtype or self.dtype).itemsize

    def value(self, value: int, length: int) -> int:
        """The bytes of a value for a chunk."""
        if value in self.numbers:
            return length * self.batch * NUMBER
        item = self.dtype.itemsize if self.floating(value) else self.inputs[value].symbol_bytes
        return self.rows(value, length) * math.prod(self.shapes[value]) * item

    def floating(self, value: int) -> bool:
        """True unless a value is an input of symbols."""
        given = self.inputs.get(value)
        return given is None or given.floats

    def rows(self, value: int, length: int) -> int:
        """The batch elements of a value: those of all steps, of one for a static value."""
        per = self.parts.pers[value]
        return length * self.batch if per == "step" else self.batch if per == "sequence" else 1

    @cached_property
    def layers(self) -> dict[int, LayerSizes]:
        """By node, what runs a layer outside cells in place of its own methods."""
        layers = {
            node.number: node.block
            for node in (*self.parts.body, *self.parts.tail)
            if isinstance(node.block, Layer)
        }
        found = {
            k: select.layer_sizes(layer, self.dtype, self.backend) for k, layer in layers.items()
        }
        return {number: sizes for number, sizes in found.items() if sizes is not None}
