"""Bytes that each action of a schedule holds and needs, from what the layers declare."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Self, TypeAlias

from rnnbp import compensated
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import lasting
from rnnbp.graph.recurrent import Recurrent
from rnnbp.planning import tables
from rnnbp.planning.fixed_rehearsal import FixedBytes, FixedRehearsal
from rnnbp.planning.objects import Objects
from rnnbp.planning.rehearsal import Rehearsal
from rnnbp.planning.value_sizes import ValueSizes
from rnnbp.support.altered import altered
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import Answers, Recent, once
from rnnbp.support.prepared import Remembered

Key: TypeAlias = tuple[object, ...]

_answers = Remembered[Graph | Recurrent, Recent[Key, Answers]](lambda model: Recent(16))
"""By model and other fields of sizes, the answers given so far: training asks at every update."""


_of_rows = Remembered[Graph | Recurrent, Recent[Key, Recent[int, Answers]]](lambda model: Recent(8))
"""By model and other fields, and then by a number of rows, the answers for chunks of as many."""
SHARED = "parts", "shapes", "inputs", "dense", "first", "ahead", "groups"
"""What has been worked out of sizes and holds for any number of rows."""


@dataclass(frozen=True)
class Sizes(ValueSizes):
    """The bytes that a schedule's actions on chunks hold and need; arguments as of ``ValueSizes``.

    Raises TypeError where a layer does not declare what it keeps.
    """

    @cached_property
    def asked(self) -> Answers:
        """The answers given so far, by method and length."""
        return _answers.of(lasting(self.model)).get(self.own, lambda: Recent(128))

    @cached_property
    def _of_rows(self) -> Recent[int, Self]:
        return Recent(1)  # those of chunks one after the other; a run holds no more of them

    def at(self, rows: int) -> Self:
        """The sizes of a chunk of fewer rows than the batch: of its actions, tapes and states.

        What is held for a whole run is that of these sizes: packed weights and workspace, gradients,
        and what is the same at all steps.
        """
        return self if rows == self.batch else self._of_rows.get(rows, lambda: self._few(rows))

    def _few(self, rows: int) -> Self:
        known = vars(self)
        shared = {key: known[key] for key in SHARED if key in known}
        # Few sizes are in memory at once; all are remembered by what they have answered.
        asked = self._asked_of_rows.get(rows, lambda: Recent(32))
        cells = {k: part.of_rows(rows) for k, part in self.cells.items()}
        return altered(self, **shared, batch=rows, cells=cells, asked=asked, few=True)

    @cached_property
    def _asked_of_rows(self) -> Recent[int, Answers]:
        return _of_rows.of(lasting(self.model)).get(self.own, lambda: Recent(256))

    @cached_property
    def few(self) -> bool:
        """True of fewer rows than the batch, whose tables of tasks are made for each call."""
        return False

    @property
    def own(self) -> Key:
        """What tells sizes of one model apart."""
        return OWN(self)

    @property
    def read(self) -> int:
        """How many series a sweep reads, of which its tapes have arrays of their own."""
        return 0

    @property
    def objects(self) -> Objects:
        """Estimates of what Python's own objects take; not kept, for it would keep the model."""
        return Objects(self)

    @once
    def object_bytes(
        self, length: int, tapes: int, thin: int, slots: int, disk: int, ways: int, fused: int
    ) -> int:
        """About what Python's own objects take, with arguments as ``Objects.peak`` has them."""
        return self.objects.peak(length, tapes, thin, slots, disk, ways, fused)

    def rehearsal(self, length: int) -> Rehearsal:
        """The actions on a chunk, on sizes."""
        return Rehearsal(self, length)

    @property
    @once
    def slot(self) -> int:
        """A checkpoint."""
        return sum(part.state_bytes() for part in self.cells.values())

    @property
    @once
    def deltas(self) -> int:
        """The deltas of a state."""
        found = (
            part.delta_bytes() for number, part in self.cells.items() if number in self.reached
        )
        return sum(found)

    @property
    @once
    def given_deltas(self) -> int:
        """The deltas of a final state that come from outside."""
        return sum(part.delta_bytes() for k, part in self.cells.items() if k in self.dstate)

    @property
    def live_states(self) -> int:
        """What is always there: the initial state, the present and the final one, and deltas."""
        return 3 * self.slot + self.deltas

    @once
    def program(self, length: int) -> int:
        """Packed weights, and where Recurrents compute, for chunks of a length."""
        packed = sum(part.program_bytes(length) for part in self.cells.values()) + sum(
            layer.weight_bytes for layer in self.layers.values()
        )
        return packed + tables.forward(self, length) + self.workspaces(length)

    @once
    def tables(self, length: int) -> int:
        """Tables of kernels' tasks, which stay, made by the first Backward of a chunk this long."""
        return 0 if self.few else tables.backward(self, length)

    def gradients(self, steps: int, *, parted: bool) -> int:
        """Gradients of the parameters, and of the series for a sequence of this many steps; deltas
        that are summed over the run; the totals of many chunks; y.
        """
        series = [each for k, each in self.inputs.items() if k in self.parts.series]
        floats = sum(math.prod(each.shape) for each in series if each.floats)
        dx = steps * self.batch * floats * self.dtype.itemsize if self.dx else 0
        size = sum(p.size for p in self.model.params.values()) + self.fixed.numbers
        totals = compensated.nbytes(size, self.dtype.itemsize) if parted else 0
        return size * self.dtype.itemsize + totals + dx + self.kept_outputs(steps)

    @property
    @once
    def fixed(self) -> FixedBytes:
        """What static inputs take, and the nodes that run once a run."""
        there = len(self.others) + 1 > len(self.parts.series) or self.parts.fixed
        return FixedRehearsal(self).bytes() if there else FixedBytes()

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

    @once
    def advance(self, length: int) -> int:
        """What an Advance needs as well as what is held."""
        return self.rehearsal(length).advance()

    @once
    def outputs(self, length: int) -> int:
        """What an Advance with the output of the tail needs as well as what is held."""
        return self.rehearsal(length).advance(output=True)

    def all_outputs(self, steps: int) -> int:
        """What a loss of all steps at once holds under any schedule: y, and after its call dy."""
        return self.value(self.model.outputs[0], steps) if self.loss_whole else 0

    def whole_loss(self, steps: int) -> int:
        """What a call of a loss of all steps needs as well as y: dy, and its temporary arrays."""
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
        return self.rehearsal(length).record()

    @once
    def record(self, length: int) -> int:
        """What a Record needs apart from the tape that it makes."""
        peak, tape = self._recorded(length)
        return peak - tape

    @once
    def _rebuilt(self, length: int) -> tuple[int, int]:
        return self.rehearsal(length).record(rebuilt=True)

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
    def _reversed(self, length: int, first: bool, given: bool, tabled: bool) -> tuple[int, int]:
        rehearsal = self.rehearsal(length)
        nbytes = rehearsal.backward(first=first, given=given, tabled=tabled)
        return nbytes, rehearsal.heap.numpy

    def backward(
        self, length: int, *, first: bool = False, given: bool = False, tabled: bool = True
    ) -> int:
        """What Backward needs apart from its tape; the ``first`` has no later deltas, but those
        that were ``given``; it may make its tables.
        """
        return self._reversed(length, first, given, tabled)[0]

    def brief(self, length: int) -> int:
        """Of what Backward needs, the temporary arrays of kernels; at most the rest is NumPy's."""
        nbytes, numpy = self._reversed(length, False, False, True)
        return max(0, nbytes - numpy)

    def loss_bytes(self, length: int) -> int:
        """Temporary arrays of the loss, without dy; a chunk has none of one of all steps."""
        if self.loss_whole:
            return 0
        value = self.model.outputs[0]
        rows = length * self.batch * math.prod(self.shapes[value][:-1])
        return math.ceil(self.value(value, length) * self.loss_spare) + rows * self.loss_rows

    def workspace(self, length: int) -> int:
        """The most that an action but Rebuild needs, where there is room for the ``tables`` too."""
        made = self.backward(length, tabled=False) - self.tables(length)
        return max(
            self.advance(length),
            self.record(length),
            self.backward(length),
            made,
            self.arriving(length),
            self._fixed_workspace(length),
        )

    def _fixed_workspace(self, length: int) -> int:
        """What nodes that run once a run need more than a tape, for there is none by then."""
        need = max(self.fixed.forward, self.fixed.backward)
        return max(0, need - self.tape(length)) if need else 0


OWN: Callable[[Sizes], Key] = attrgetter(
    *[part.name for part in fields(Sizes) if part.compare and part.name != "model"]
)
"""The fields that tell sizes of one model apart."""
