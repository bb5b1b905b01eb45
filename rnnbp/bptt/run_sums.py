"""What a run sums up over its chunks, which go backward from the last to the first."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp import compensated
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.all_steps import KeptOutputs
from rnnbp.bptt.chunk import ChunkLoss, DeltaStates
from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.bptt.leaves import place_leaves
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.compensated import Total
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import InputsOf
from rnnbp.inputs.horizon import cuts
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Nest


@final
class RunSums:
    """The loss, the gradients, and the deltas of the state that enters the last chunk reversed.

    Args:
        resolved: the problem in its chunks; its sizes say whether dx and y are kept.
        recurrent: the nodes with a state.
        fixed: the values that are the same at all steps, which have been computed.
        losses: of the problem; what stays for the whole run is allocated in their memory.
        horizon: as of ``bptt``.
    """

    def __init__(
        self,
        resolved: Resolved,
        recurrent: tuple[Node, ...],
        losses: ChunkLosses,
        fixed: FixedNodes,
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
        self.grads = self._accumulators(fixed)
        self.weights, self.penalties = losses.objective.penalties, dict[str, Scalar]()
        self.dstatic: dict[int, Array] = {}
        """The gradients by static inputs, after ``end``."""
        self.fixed, self.returns_dx = fixed, resolved.sizes.dx
        self.chunks = 0
        """Chunks that have added to the gradients."""
        self.dxs = _new_dxs(problem, memory) if resolved.sizes.dx else {}
        """By input of the model, the gradients by those that have a value at each step."""
        kept = KeptOutputs(losses, memory) if resolved.sizes.return_y else None
        self.y = None if kept is None else kept.y
        self.losses: ChunkLoss = losses if kept is None else kept
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
        return [self.grads.whole, *self.dxs.values(), self.grads.totals, self.y]

    def into(self, n: int) -> dict[int, Array]:
        """By input, where its gradient in chunk n lies."""
        return {k: dx[self.problem.span(n)] for k, dx in self.dxs.items()}

    def add(self, n: int, value: Scalar, deltas: Deltas, into: dict[int, Array]) -> bool:
        """Add chunk n's part of the loss, and of dx, unless that is in ``into`` already.

        Returns True where gradients do not flow on to the chunk before it.
        """
        self.loss.add(value)
        for k, place in into.items():
            if (dx := deltas[k]) is not place:
                place[...] = 0 if dx is None else dx
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
            deltas = zip(self.dstates[node.number], arrays, strict=True)
            dstate.append(
                tuple([np.zeros(a.shape, a.dtype) if d is None else d.copy() for d, a in deltas])
            )
            if not given and isinstance(node.block, Recurrent):
                initial = node.block.initial
                found_of = zip(initial, dstate[-1], strict=False)
                self.grads.add(initial, {key: d.sum(axis=0) for key, d in found_of})
        grads = self.grads.grads
        found = self._dx() if self.returns_dx else None
        penalties = {name: value.real for name, value in self.penalties.items()}
        loss = sum(penalties.values(), self.loss.value.real)
        of_all = grads, found, tuple(dstate), final, stats
        return Gradients(loss, *of_all, y=self.y, penalties=penalties)

    def end(self) -> None:
        """Close the sums after the last chunk, and run what is the same at all steps backward."""
        self.grads.close()
        if self.fixed.any:
            self.dstatic = self.fixed.backward(self.grads)
            self.penalties = self.fixed.penalties

    def penalise(self) -> None:
        """Take penalties on parameters, apart from those that chunks have summed."""
        self.penalties = self.penalties | self.weights.values()
        self.weights.add(self.grads.at)

    def _dx(self) -> InputsOf:
        """The gradients by the inputs, None for symbols, in the form in which they were passed."""
        others, found = self.problem.others, list[Array | None]()
        if not others.form.several:
            return self.dxs.get(others.x)
        found += [None] * len(self.problem.model.pers)
        for k, array in others.static.items():
            if k in self.fixed.static:
                dx = self.dstatic.get(k)
                found[k] = np.zeros(array.shape, self.problem.dtype) if dx is None else dx
        for k, dx in self.dxs.items():
            found[k] = dx
        return others.form.of(found)


def _new_dxs(problem: Problem, memory: Reuse) -> dict[int, Array]:
    """Arrays for the gradients by floats, not initialised."""
    series = zip(problem.others.numbers, problem.series, strict=True)
    floats = [(k, part) for k, part in series if part.dtype.kind in "fc"]
    return {k: memory.new((problem.steps, *part.shape), problem.dtype) for k, part in floats}
