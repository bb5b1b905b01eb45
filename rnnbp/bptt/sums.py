"""What any run sums up over its chunks, which go backward from the last to the first."""

from __future__ import annotations

import numpy as np

from rnnbp import compensated
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import ChunkLoss, DeltaStates
from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.bptt.leaves import place_leaves
from rnnbp.compensated import Total
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.horizon import cuts
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import FinalDeltas, States
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Nest


class Sums:
    """The loss, the gradients, and the deltas of the state that enters the last chunk reversed.

    Args:
        problem: in its chunks.
        recurrent: the nodes with a state.
        fixed: the values that are the same at all steps, which have been computed.
        losses: of chunks.
        horizon: as of ``bptt``.
    """

    def __init__(
        self,
        problem: Problem,
        recurrent: tuple[Node, ...],
        fixed: FixedNodes,
        losses: ChunkLoss,
        horizon: int | None,
    ) -> None:
        self.problem, self.recurrent, self.horizon = problem, recurrent, horizon
        self.losses, self.placed = losses, False
        """``placed``: whether ``into`` has any places."""
        self.dstates: DeltaStates = {
            node.number: (None,) * len(arrays)
            for node, arrays in zip(recurrent, problem.state, strict=True)
        }
        self.part = compensated.part(problem.chunk)
        """Chunks whose gradients are added before they go into the totals."""
        self.grads = self._accumulators(fixed)
        self.dstatic: dict[int, Array] = {}
        """The gradients by static inputs, after ``end``."""
        self.fixed, self.penalties = fixed, dict[str, Scalar]()
        self.chunks = 0
        """Chunks that have added to the gradients."""
        self.loss = Total()

    def _accumulators(self, fixed: FixedNodes) -> Accumulators:
        """The sums of gradients, and of deltas of what runs once."""
        problem = self.problem
        parted = problem.known and problem.chunks > self.part
        sums = fixed.sums() if fixed.any else ({}, problem.dtype)
        grads = Accumulators(problem.model, parted=parted, fixed=sums)
        if fixed.any:
            place_leaves(fixed.parts, grads)
        return grads

    def arrays(self) -> Nest:
        """What is held for the whole run."""
        return [self.grads.whole, self.grads.totals]

    def begin(self, dstate: FinalDeltas) -> int:
        """Take deltas of the final state, copies of them. Returns the bytes of these."""
        for node, given in zip(self.recurrent, dstate, strict=True):
            if given is not None:
                copies = [None if delta is None else delta.copy() for delta in given]
                self.dstates[node.number] = tuple(copies)
        found = [d for deltas in self.dstates.values() for d in deltas if d is not None]
        return sum([delta.nbytes for delta in found])

    @property
    def has_all_deltas(self) -> bool:
        """True if each state has a delta: some have none in the last steps, or after a cut."""
        return all(d is not None for deltas in self.dstates.values() for d in deltas)

    def into(self, n: int) -> dict[int, Array]:
        """By input, where its gradient in chunk n may lie."""
        return {}

    def add(self, n: int, value: Scalar, deltas: Deltas, into: dict[int, Array]) -> bool:
        """Add chunk n's part of the loss, and of dx, unless that is in ``into`` already.

        Returns True where gradients do not flow on to the chunk before it.
        """
        self.loss.add(value)
        for k, place in into.items():
            if (dx := deltas[k]) is not place:
                place[...] = 0 if dx is None else dx
        return self.ended(n)

    def cuts(self, n: int) -> bool:
        """True if gradients do not flow from chunk n to the one before it."""
        return cuts(self.horizon, n * self.problem.chunk)

    def ended(self, n: int) -> bool:
        """Chunk n has gone backward: drop the deltas of its state if the horizon ends there.

        Returns True if it does.
        """
        cut = self.cuts(n)
        if cut:
            self.dstates = {
                number: (None,) * len(deltas) for number, deltas in self.dstates.items()
            }
        return cut

    def dstate(self) -> States:
        """The gradients by initial states; those by learned ones are added to the others."""
        found: list[tuple[Array, ...]] = []
        states = zip(self.recurrent, self.problem.state, self.problem.given, strict=True)
        for node, arrays, given in states:
            deltas = zip(self.dstates[node.number], arrays, strict=True)
            found.append(
                tuple([np.zeros(a.shape, a.dtype) if d is None else d.copy() for d, a in deltas])
            )
            if not given and isinstance(node.block, Recurrent) and node.block.initial:
                initial = node.block.initial
                found_of = zip(initial, found[-1], strict=False)
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in found_of})
        return tuple(found)

    def end(self) -> None:
        """Close the sums after the last chunk, and run what is the same at all steps backward."""
        self.grads.close()
        if self.fixed.any:
            self.dstatic = self.fixed.backward(self.grads)
            self.penalties = self.fixed.penalties
