"""What a run sums up over its chunks, which go backward from the last to the first."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp import compensated
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.all_steps import KeptOutputs
from rnnbp.bptt.chunk import ChunkLoss, DeltaStates
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.compensated import Total
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.horizon import cuts
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Nest


@final
class RunSums:
    """The loss, the gradients, and the deltas of the state that enters the last chunk reversed.

    Args:
        resolved: the problem in its chunks; its sizes say whether dx and y are kept.
        recurrent: the nodes with a state.
        losses: of the problem; what stays for the whole run is allocated in their memory.
        horizon: as of ``bptt``.
    """

    def __init__(
        self,
        resolved: Resolved,
        recurrent: tuple[Node, ...],
        losses: ChunkLosses,
        horizon: int | None,
    ) -> None:
        self.problem, self.recurrent, self.horizon = resolved.problem, recurrent, horizon
        problem, memory = self.problem, losses.memory
        self.dstates: DeltaStates = {
            node.number: (None,) * len(arrays)
            for node, arrays in zip(recurrent, problem.state, strict=True)
        }
        self.part = compensated.part(problem.chunk)
        """Chunks whose gradients are added before they go into the totals."""
        parted = problem.known and problem.chunks > self.part
        self.grads = Accumulators(problem.model, parted=parted)
        self.chunks = 0
        """Chunks that have added to the gradients."""
        dx = resolved.sizes.dx and problem.floats
        self.dx = memory.new((problem.steps, *problem.x.shape), problem.dtype) if dx else None
        kept = KeptOutputs(losses, memory) if resolved.sizes.return_y else None
        self.y = None if kept is None else kept.y
        self.losses: ChunkLoss = losses if kept is None else kept
        self.loss = Total()

    def arrays(self) -> Nest:
        """What is held for the whole run."""
        return [self.grads.whole, self.dx, self.grads.totals, self.y]

    def add(self, n: int, value: Scalar, dx: Array | None, into: Array | None) -> bool:
        """Add chunk n's part of the loss, and of dx, unless that is in ``into`` already.

        Returns True where gradients do not flow on to the chunk before it.
        """
        self.loss.add(value)
        if into is not None and into is not dx:
            into[...] = 0 if dx is None else dx
        cut = cuts(self.horizon, n * self.problem.chunk)
        if cut:
            self.dstates = {
                number: (None,) * len(deltas) for number, deltas in self.dstates.items()
            }
        return cut

    def result(self, final: States, stats: Stats) -> Gradients:
        """The result of a run that ended in the state ``final``, with those of initial states."""
        dstate: list[tuple[Array, ...]] = []
        for node, arrays, given in zip(
            self.recurrent, self.problem.state, self.problem.given, strict=True
        ):
            found = zip(self.dstates[node.number], arrays, strict=True)
            dstate.append(
                tuple([np.zeros(a.shape, a.dtype) if d is None else d.copy() for d, a in found])
            )
            if not given and isinstance(node.block, Recurrent):
                initial = node.block.initial
                found_of = zip(initial, dstate[-1], strict=False)
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in found_of})
        grads = self.grads.grads
        return Gradients(
            self.loss.value.real, grads, self.dx, tuple(dstate), final, stats, y=self.y
        )
