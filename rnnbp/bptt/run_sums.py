"""What a run of a model of one output sums up over its chunks."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.bptt.all_steps import OutputLoss, new_outputs
from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.bptt.sums import Sums
from rnnbp.graph.graph import Node
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import InputsOf
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Nest


@final
class RunSums(Sums):
    """The sums of any run, dx and y.

    Args:
        resolved: the problem in its chunks; its sizes say whether dx and y are kept.
        recurrent, fixed, horizon: as of ``Sums``.
        losses: of the problem; what stays for the whole run is allocated in their memory.
    """

    def __init__(
        self,
        resolved: Resolved,
        recurrent: tuple[Node, ...],
        losses: ChunkLosses,
        fixed: FixedNodes,
        horizon: int | None,
    ) -> None:
        problem, memory, sizes = resolved.problem, losses.memory, resolved.sizes
        self.y = new_outputs(problem, memory) if sizes.return_y else None
        taken = OutputLoss(losses, problem.model.outputs[0], self.y)
        super().__init__(problem, recurrent, fixed, taken, horizon)
        self.weights, self.returns_dx = losses.objective.penalties, sizes.dx
        self.dxs = _new_dxs(problem, memory) if sizes.dx else {}
        """By input of the model, the gradients by those that have a value at each step."""
        self.placed = bool(self.dxs)

    def arrays(self) -> Nest:
        """What is held for the whole run."""
        return [self.grads.whole, *self.dxs.values(), self.grads.totals, self.y]

    def into(self, n: int) -> dict[int, Array]:
        """By input, where its gradient in chunk n lies."""
        return {k: dx[self.problem.span(n)] for k, dx in self.dxs.items()}

    def result(self, final: States, stats: Stats) -> Gradients:
        """The result of a run that ended in the state ``final``, with those of initial states."""
        dstate, grads = self.dstate(), self.grads.grads
        found = self._dx() if self.returns_dx else None
        penalties = {name: value.real for name, value in self.penalties.items()}
        loss = sum(penalties.values(), self.loss.value.real)
        of_all = grads, found, dstate, final, stats
        return Gradients(loss, *of_all, y=self.y, penalties=penalties)

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
