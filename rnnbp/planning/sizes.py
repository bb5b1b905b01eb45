"""What each action of a schedule holds and needs, in bytes: from the layers' declarations, before
anything runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from rnnbp import compensated
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.layout import layouts
from rnnbp.graph.liveness import NUMBER
from rnnbp.graph.model_split import Parts, lasting, parts_of
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.dropout import in_mode
from rnnbp.numerics import Dtype, Shape
from rnnbp.planning import tables
from rnnbp.planning.objects import Objects
from rnnbp.planning.rehearsal import Rehearsal
from rnnbp.runners import select
from rnnbp.runners.backend import Backend
from rnnbp.runners.factory import DenseSizes
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import Answers, Recent, once
from rnnbp.support.prepared import Remembered

Key: TypeAlias = tuple[object, ...]

_answers = Remembered[Graph | Recurrent, Recent[Key, Answers]](lambda model: Recent(16))
"""By model and the other fields of its sizes, the answers given so far: training asks for them at
every update.
"""


@dataclass(frozen=True)
class Sizes:
    """A model on batches of ``batch`` sequences, as bytes of chunks of this many steps.

    Args:
        x_shape: feature shape of x. floats: whether x is floats, and so has a gradient.
        copied: whether chunks of x must be copied, for their dtype or their order.
        loss_spare: temporary arrays of the loss apart from dy, in sizes of the output.
        loss_rows: its bytes for each row of the output, as a number for each.
        loss_brief: whether dy lies in memory that is kept from run to run.
        loss_whole: whether it takes the outputs of all steps at once, so that their dy is held for
            all steps.
        dx: whether the gradient by x is kept. return_y: whether y of all steps is.
        symbol_bytes: of an element of x that is no float.
        target_bytes: for a step, of target and mask where they are read anew for each chunk.
        training: False in evaluation mode.

    Raises TypeError where a layer does not declare what it keeps.
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

    def __getstate__(self) -> dict[str, object]:
        """The fields alone: what has been worked out from them may hold kernels, which stay in
        their process.
        """
        return {part.name: vars(self)[part.name] for part in fields(self)}

    @cached_property
    def asked(self) -> Answers:
        """The answers given so far, by method and length."""
        return _answers.of(lasting(self.model)).get(OWN(self), lambda: Recent(128))

    @cached_property
    def parts(self) -> Parts:
        """The model's body and tail."""
        return parts_of(self.model)

    @property
    def objects(self) -> Objects:
        """Estimates of what Python's own objects take; not kept, for it would keep these sizes and
        their model.
        """
        return Objects(self)

    @once
    def object_bytes(
        self, length: int, tapes: int, thin: int, slots: int, disk: int, ways: int, fused: int
    ) -> int:
        """About what Python's own objects take, with arguments as ``Objects.peak`` has them."""
        return self.objects.peak(length, tapes, thin, slots, disk, ways, fused)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The feature shape of every value."""
        return [shape or () for shape in self.model.value_shapes(self.x_shape)]

    @cached_property
    def cells(self) -> dict[int, RunnerSizes]:
        """What the runner of each Recurrent holds and needs, by node number."""
        found = layouts(self.model, self.x_shape, self.batch, self.dtype, training=self.training)
        parts = self.parts
        return {
            number: select.sizes(layout, self.backend, parts.symbols_of(number))
            for number, layout in found.items()
        }

    @cached_property
    def numbers(self) -> dict[int, RunnerSizes]:
        """The values that are numbers of symbols in a table, and the sizes of what looks them up."""
        return {
            node.outs[0]: self.cells[k]
            for k, node in self.parts.spelled.items()
            if self.cells[k].looks_up
        }

    @property
    @once
    def slot(self) -> int:
        """A checkpoint."""
        return sum(part.state_bytes() for part in self.cells.values())

    @property
    @once
    def deltas(self) -> int:
        """The deltas of a state."""
        return sum(part.delta_bytes() for part in self.cells.values())

    @property
    def live_states(self) -> int:
        """What is there all the time: the initial state, the present and the final one, and their
        deltas.
        """
        return 3 * self.slot + self.deltas

    @once
    def program(self, length: int) -> int:
        """Packed weights, and the workspace that all Recurrents share, for chunks of this many
        steps.
        """
        packed = sum(part.program_bytes(length) for part in self.cells.values()) + sum(
            dense.weight_bytes for dense in self.dense.values()
        )
        workspace = max((part.workspace_bytes(length) for part in self.cells.values()), default=0)
        return packed + tables.forward(self, length) + workspace

    @once
    def tables(self, length: int) -> int:
        """Tables of kernels' tasks that the first Backward of a chunk of this many steps makes, and
        that stay.
        """
        return tables.backward(self, length)

    def gradients(self, steps: int, *, parted: bool) -> int:
        """Gradients of the parameters, and of x for a sequence of this many steps; the totals of
        many chunks; y.
        """
        dx = (
            steps * self.batch * math.prod(self.x_shape) * self.dtype.itemsize
            if self.floats and self.dx
            else 0
        )
        size = sum(p.size for p in self.model.params.values())
        totals = compensated.nbytes(size, self.dtype.itemsize) if parted else 0
        return size * self.dtype.itemsize + totals + dx + self.kept_outputs(steps)

    def kept_outputs(self, steps: int) -> int:
        """y of all steps, where it is returned."""
        return self.value(self.model.outputs[0], steps) if self.return_y else 0

    def arriving(self, length: int) -> int:
        """Targets of a chunk that are looked at when it is run for the first time."""
        return length * self.target_bytes

    def thin(self, length: int) -> int:
        """A thin tape."""
        return sum(part.thin_bytes(length) for part in self.cells.values())

    @once
    def tape(self, length: int) -> int:
        """A tape, with the values that the tail starts from. Raises TypeError where what it keeps
        is not known.
        """
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                self.cells[node.number].tape_bytes(length)
            elif self.keeps(node) is None:
                raise TypeError(
                    f"{node.block}: what it keeps is not known; declare it by a method "
                    "keeps(*shapes)"
                )
        return self._recorded(length)[1]

    def tape_of(self, node: Node, length: int) -> int:
        """What a Recurrent puts in a tape; as much as is known of layers that do not declare it."""
        part = self.cells[node.number]
        try:
            return part.tape_bytes(length)
        except TypeError:
            return part.thin_bytes(length)

    @once
    def advance(self, length: int) -> int:
        """What an Advance needs as well as what is held."""
        return Rehearsal(self, length).advance()

    @once
    def outputs(self, length: int) -> int:
        """What an Advance with the output of the tail needs as well as what is held."""
        return Rehearsal(self, length).advance(output=True)

    def all_outputs(self, steps: int) -> int:
        """What a loss of all steps at once holds under any schedule: y until it is called, then dy."""
        return self.value(self.model.outputs[0], steps) if self.loss_whole else 0

    def whole_loss(self, steps: int) -> int:
        """What a call of a loss of all steps at once needs as well as y: dy, and its temporary
        arrays.
        """
        spare = math.ceil(self.all_outputs(steps) * self.loss_spare)
        return self.all_outputs(steps) + spare + steps * self.target_bytes

    def before(self, steps: int, length: int) -> int:
        """What a loss of all steps at once needs before the schedule begins, as well as what is
        always held.
        """
        if not self.loss_whole:
            return 0
        return self.all_outputs(steps) + max(
            self.outputs(length), self.arriving(length), self.whole_loss(steps)
        )

    @once
    def keep(self, length: int) -> int:
        """What a Keep needs apart from the thin tape that it makes."""
        return self.advance(length)

    @once
    def _recorded(self, length: int) -> tuple[int, int]:
        return Rehearsal(self, length).record()

    @once
    def record(self, length: int) -> int:
        """What a Record needs apart from the tape that it makes."""
        peak, tape = self._recorded(length)
        return peak - tape

    @once
    def _rebuilt(self, length: int) -> tuple[int, int]:
        return Rehearsal(self, length).record(rebuilt=True)

    @once
    def rebuild(self, length: int) -> int:
        """What a Rebuild needs apart from the tape that it makes."""
        peak, tape = self._rebuilt(length)
        return peak - tape

    def rebuilt_tape(self, length: int) -> int:
        """A tape that a Rebuild makes: the interpreter's may lie otherwise than one that was
        recorded.
        """
        return self._rebuilt(length)[1] if self.backend.name == "interpreter" else self.tape(length)

    @once
    def _reversed(self, length: int, first: bool, tabled: bool) -> tuple[int, int]:
        rehearsal = Rehearsal(self, length)
        return rehearsal.backward(first=first, tabled=tabled), rehearsal.heap.numpy

    def backward(self, length: int, *, first: bool = False, tabled: bool = True) -> int:
        """What Backward needs apart from its tape; the ``first`` has no later deltas; it may make
        its tables.
        """
        return self._reversed(length, first, tabled)[0]

    def brief(self, length: int) -> int:
        """Of what Backward needs, the temporary arrays of kernels; the rest is NumPy's at the most."""
        nbytes, numpy = self._reversed(length, False, True)
        return max(0, nbytes - numpy)

    def loss_bytes(self, length: int) -> int:
        """Temporary arrays of the loss, without dy; of one of all steps at once a chunk has none."""
        if self.loss_whole:
            return 0
        value = self.model.outputs[0]
        rows = length * self.batch * math.prod(self.shapes[value][:-1])
        return math.ceil(self.value(value, length) * self.loss_spare) + rows * self.loss_rows

    def workspace(self, length: int) -> int:
        """The most that an action needs, but Rebuild, where there is room for the ``tables`` too."""
        made = self.backward(length, tabled=False) - self.tables(length)
        return max(
            self.advance(length),
            self.record(length),
            self.backward(length),
            made,
            self.arriving(length),
        )

    def remade(self, node: Node) -> bool:
        """Whether an output is made from the tape when the tail needs it, and not kept until then."""
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
        item = self.dtype.itemsize if value or self.floats else self.symbol_bytes
        return length * self.batch * math.prod(self.shapes[value]) * item

    @cached_property
    def dense(self) -> dict[int, DenseSizes]:
        """By node, what runs a layer outside cells in place of its own methods."""
        layers = {
            node.number: node.block for node in self.model.nodes if isinstance(node.block, Layer)
        }
        found = {
            k: select.dense_sizes(layer, self.dtype, self.backend) for k, layer in layers.items()
        }
        return {number: sizes for number, sizes in found.items() if sizes is not None}


OWN = attrgetter(*[part.name for part in fields(Sizes) if part.compare and part.name != "model"])
"""The fields that tell sizes of one model apart."""
