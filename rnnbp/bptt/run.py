"""One run of a schedule over a model of one output."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from itertools import chain
from typing import final

from rnnbp.actions import Action
from rnnbp.bptt.action_stream import preparing, reading_ahead, reporting
from rnnbp.bptt.all_steps import new_outputs
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.progress import Progress
from rnnbp.bptt.resolve import Resolved
from rnnbp.bptt.results import Gradients
from rnnbp.bptt.run_sums import RunSums
from rnnbp.bptt.stretched import Stretched
from rnnbp.bptt.stretches import StretchRunner
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.ledger import Ledger
from rnnbp.planning.predicted_ledger import OUTPUTS
from rnnbp.schedules.sized import table_bytes
from rnnbp.schedules.stretches import Step, stretches
from rnnbp.storage import PathLike


@final
class Run(Stretched):
    """A run with the loss of its one output; ``execute`` is called once.

    Args:
        resolved, chunks, folder, bar: as of ``Scheduled``.
        losses: of that problem; the run takes memory where they do.
        horizon: as of ``bptt``.
    """

    def __init__(
        self,
        resolved: Resolved,
        chunks: LaneChunks,
        losses: ChunkLosses,
        *,
        horizon: int | None = None,
        folder: PathLike | None = None,
        bar: Progress | None = None,
    ) -> None:
        chunks.compute_fixed(keep=True)
        self.losses, self.dstate = losses, resolved.dstate
        self.sums = RunSums(resolved, chunks.parts.recurrent, losses, chunks.fixed, horizon)
        ledger = Ledger([*resolved.problem.lent_arrays(), *self.sums.grads.params])
        own = resolved, chunks, self.sums, ledger
        super().__init__(*own, memory=losses.memory, folder=folder, bar=bar)
        self.stretches = StretchRunner(chunks, losses)

    def execute(self, actions: Iterable[Action]) -> Gradients:
        """Run all actions, and return what they have computed."""
        with closing(self):
            self._begin()
            if self.sizes.loss_whole:
                self._see_all()
            coming = iter(self._stream(actions))
            first = self._forward(coming)
            self._backward(chain([first], coming), self.dstate)
            self._end()
        stats = self.counter.stats(self.problem, self.ledger, self.sizes, table_bytes(actions))
        return self.sums.result(self.final, stats)

    @property
    def _targets_arrive(self) -> bool:
        """True if targets are read, or checked, as chunks come for the first time."""
        return bool(self.sizes.target_bytes) or not self.losses.objective.finished

    def _stream(self, actions: Iterable[Action]) -> Iterable[Step]:
        """The actions, with what is done before or after some of them."""
        arrive = self._targets_arrive and not self.sizes.loss_whole  # which has seen them all
        if not arrive and self.chunks.in_one_go:
            actions = self.fused.find(actions)
        if self.uses_disk:
            actions = reading_ahead(actions, self.held)
        if arrive:
            actions = preparing(actions, self._prepare)
        if self.bar is not None:
            return reporting(actions, self._report)
        able = self.stretches.able and not (arrive or self.uses_disk)
        return stretches(actions, self.stretches.most) if able else actions

    def _see_all(self) -> None:
        """Compute the outputs of all steps for a loss that takes them at once; its dy stays."""
        problem, state, arrive = self.problem, self.problem.state, self._targets_arrive
        y = new_outputs(problem, self.memory)
        self.ledger.hold(OUTPUTS, y)
        with self.ledger.reserve("state", self.sizes.slot):
            for n in problem.numbers():
                if arrive:
                    self._prepare(n)
                with self._reserved(self.sizes.outputs, n):
                    state, y[problem.span(n)] = self.chunks.outputs(n, state)
                self.counter.steps += problem.length(n)
                self._report(n)
        with self.ledger.reserve("workspace", self.sizes.whole_loss(problem.steps)):
            dy = self.losses.see_all(y)
        self.ledger.hold(OUTPUTS, dy)
        self.ledger.release(y)

    def _prepare(self, n: int) -> None:
        """Check the targets of a chunk that comes for the first time."""
        with self.ledger.reserve("workspace", self.sizes.arriving(self.problem.length(n))):
            last = self.losses.prepare(n)
        if last:
            objective = self.losses.objective
            with self.ledger.reserve("workspace", objective.finish_bytes()):
                objective.finish()
            if self.chunks.fixed.average():
                self.chunks.runners.renew()  # factors of means are among what they have read

    def _close(self) -> None:
        """The gradients are those of all chunks, of what runs once a run, and of penalties."""
        super()._close()
        if self.sums.weights.terms:
            with self.ledger.reserve("workspace", self.sizes.penalised):
                self.sums.penalise()
