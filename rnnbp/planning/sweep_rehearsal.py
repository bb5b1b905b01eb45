"""The actions on a chunk of a sweep, run on sizes instead of arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rnnbp.graph.deltas import send
from rnnbp.planning.rehearsal import Rehearsal
from rnnbp.runners.blocks import BlockDeltas, Blocks
from rnnbp.runners.heap import Block

if TYPE_CHECKING:
    from rnnbp.planning.sweep_sizes import SweepSizes


class SweepRehearsal(Rehearsal):
    """Chunks of ``length`` steps of what ``sizes`` describes; follows ``SweepChunks``."""

    def __init__(self, sizes: SweepSizes, length: int) -> None:
        super().__init__(sizes, length)
        self.sweep = sizes

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
        found: list[Block | None] = []
        for k, outlet in zip(self.parts.outputs, self.sweep.outlets, strict=True):
            self.heap.note(self._bytes(outlet.spare))
            self.heap.numpy += self._bytes(outlet.spare)
            size = self.size(k)
            base = self.new(0) if outlet.held else None
            found.append(self.new(size, base) if outlet.delta else None)
            self.heap.numpy += size if outlet.delta and not outlet.held else 0
        deltas: BlockDeltas = [None] * self.sizes.model.n_values
        send(self.parts.outputs, found, deltas)
        return deltas

    def _bytes(self, each: float) -> int:
        """Bytes of all steps of all rows."""
        return math.ceil(each * self.rows)

    def _end(self) -> None:
        """The deltas of the inputs are taken."""
        self.heap.note(self._bytes(self.sweep.sinks))
