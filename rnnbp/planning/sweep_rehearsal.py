"""The actions on a chunk of a sweep, run on sizes instead of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnbp.graph.deltas import send, take_delta
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.planning.rehearsal import Rehearsal, Taped
from rnnbp.runners.blocks import BlockDeltas, Blocks
from rnnbp.runners.heap import Block
from rnnbp.runners.rehearsal import StateDeltas

if TYPE_CHECKING:
    from rnnbp.planning.outlet_sizes import OutletSizes
    from rnnbp.planning.sweep_sizes import SweepSizes


class SweepRehearsal(Rehearsal):
    """Chunks of ``length`` steps of what ``sizes`` describes; follows ``SweepChunks``."""

    def __init__(self, sizes: SweepSizes, length: int) -> None:
        super().__init__(sizes, length)
        self.sweep = sizes
        self._waits = False
        """True while Recurrents are called that run side by side later."""

    @property
    def body(self) -> Sequence[Node]:
        return [node for group in self.sweep.groups for node in group]

    def _backward_body(
        self, taped: Taped, deltas: BlockDeltas, dstates: dict[int, StateDeltas]
    ) -> None:
        if all(len(group) == 1 for group in self.sweep.groups):
            super()._backward_body(taped, deltas, dstates)
            return
        tapes, others = reversed(taped.tapes), reversed(taped.saved)
        for group in reversed(self.sweep.groups):
            if not isinstance(group[0].block, Recurrent):
                self._backward_layer(group[0], next(others), deltas)
                continue
            read, found = list[Block](), list[tuple[Block | None, ...]]()
            self._waits = len(group) > 1
            for node in reversed(group):
                own = take_delta(node, deltas)
                if len(group) > 1 and (own is None or not own.dense):  # as the kernels read it
                    nbytes = self.sizes.cells[node.number].output_bytes(self.length, in_tape=False)
                    own = self.new(nbytes)
                read += [own] if own is not None and len(group) > 1 else []
                given = next(tapes), own, dstates[node.number]
                dxs, dstates[node.number] = self._backward_recurrent(node, *given)
                found.append(dxs)
                del own, given
            read.clear()  # all have run
            self._waits = False
            self._called()
            for node, dxs in zip(reversed(group), found, strict=True):
                send(node.args, self.fixed.left(node, dxs), deltas)

    def _called(self) -> None:
        if not self._waits:
            super()._called()

    def advance_taken(self) -> int:
        """The most bytes of an Advance or Keep whose outputs are taken."""
        values, after = self._run(self.sweep.first.fed)
        ys = self._taken(values)
        del values
        self._take()
        del ys, after
        return self.heap.peak

    def record_taken(self) -> int:
        """The most bytes of a Record whose outputs are taken, its tape among them."""
        taped = self._taped([self.new(0) for _ in self.sizes.cells])
        ys = self._taken(self._known(taped))
        self._take()
        del ys
        self.new(self.sizes.slot)  # the state that leaves it
        del taped
        return self.heap.peak

    def _taken(self, values: Blocks) -> list[Block]:
        """The outputs that are wanted."""
        for node in self.sweep.first.tail:
            self.forward(node, values)
        outlets = zip(self.parts.outputs, self.sweep.outlets, strict=True)
        return [values[k] for k, outlet in outlets if outlet.wanted]

    def _take(self) -> None:
        """Outputs are taken, one after the other."""
        self.heap.note(max((self._bytes(each.taking) for each in self.sweep.outlets), default=0))

    def _losses(self) -> BlockDeltas:
        """The deltas of the outputs, made one after the other while all outputs are there."""
        outputs, deltas = self.parts.outputs, BlockDeltas([None] * self.sizes.model.n_values)
        send(outputs, [*map(self._delta, outputs, self.sweep.outlets)], deltas)
        return deltas

    def _delta(self, value: int, outlet: OutletSizes) -> Block | None:
        """The delta of an output: the sum of those that come back."""
        size, total = self.size(value), None
        for part in outlet.deltas:
            new, base = (0, self.new(0)) if part.held else (size, None)
            self.numpy(new + self._bytes(part.spare))
            own = self.new(size, base)
            total = own if total is None else total + own
            del own, base
        return total

    def _bytes(self, each: float) -> int:
        return math.ceil(each * self.rows)  # of all steps of all rows

    def _end(self, deltas: BlockDeltas) -> None:
        """The deltas of the inputs are taken."""
        self.heap.note(self._bytes(self.sweep.sinks))
