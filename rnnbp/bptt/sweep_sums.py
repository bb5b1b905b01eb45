"""What a sweep sums up over its chunks, and gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.outlets import InputDeltas, OutletLoss, Outlets
from rnnbp.bptt.results import Stats
from rnnbp.bptt.sums import Sums
from rnnbp.graph.deltas import Deltas
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array


@final
@dataclass(frozen=True)
class SweepGradients:
    """What a sweep has computed, its loss and gradients.

    Attributes:
        loss: the sum of the parts that its outlets returned.
        grads: by path of a parameter of its graph.
        dstatic: by number of a static input of floats that anything flows to, (B, ...).
        dstate: by Recurrent, the gradient by its initial state.
        penalties: the part of each ``Penalty``, by its name, which is not in ``loss``.
        stats: what the sweep took; the peak is that of its ledger.
    """

    loss: Scalar
    grads: dict[str, Array]
    dstatic: dict[int, Array]
    dstate: States
    penalties: dict[str, Scalar]
    stats: Stats


@final
class SweepSums(Sums):
    """The sums of any run; the deltas of inputs are handed on.

    Args:
        chunks: of the sweep, with the values that are the same at all steps.
        outlets: of its outputs.
        dxs: by number of an input, what takes its deltas.
    """

    def __init__(self, chunks: Chunks, outlets: Outlets, dxs: Mapping[int, InputDeltas]) -> None:
        taken = OutletLoss(outlets, chunks.parts.outputs)
        super().__init__(chunks.problem, chunks.parts.recurrent, chunks.fixed, taken, None)
        self.dxs, self.placed = dxs, bool(dxs)

    def into(self, n: int) -> dict[int, Array]:
        """By input, where its gradient in chunk n may lie."""
        places = {k: sink.place(n) for k, sink in self.dxs.items()}
        return {k: place for k, place in places.items() if place is not None}

    def add(self, n: int, value: Scalar, deltas: Deltas, into: dict[int, Array]) -> bool:
        """Add chunk n's part of the loss, and hand the deltas of the inputs on."""
        for k, sink in self.dxs.items():
            sink.take(n, deltas[k])
        return super().add(n, value, deltas, {})

    def gradients(self, stats: Stats) -> SweepGradients:
        """All of it, after ``end``."""
        dstate = self.dstate()  # adds to the gradients
        of_all = self.grads.grads, self.dstatic, dstate, self.penalties, stats
        return SweepGradients(self.loss.value, *of_all)
