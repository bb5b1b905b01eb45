"""Runs of ``bptt`` over the batches of a run of training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import numpy as np

from rnnbp.bptt import bptt
from rnnbp.bptt.beforehand import check_fits
from rnnbp.bptt.known_plans import for_batch
from rnnbp.bptt.networks import LossesLike
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.chunk_length import default_chunk
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.objective import Observed
from rnnbp.inputs.passed import parts_of, passed
from rnnbp.inputs.states import States
from rnnbp.layers.base import Layer
from rnnbp.losses.no_loss import NoLoss
from rnnbp.planning.budget import is_budget, parse_budget, remaining, training_budget
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.planning.rough_costs import by_count
from rnnbp.planning.training_bytes import TrainingBytes
from rnnbp.rng import fold
from rnnbp.support.lazy import cached_property
from rnnbp.train.averages import Averages
from rnnbp.train.batch_losses import with_weight
from rnnbp.train.carried import going_on
from rnnbp.train.options import Options
from rnnbp.train.output_losses import Key, OutputLoss, by_output, losses_of
from rnnbp.train.passed_losses import passed_losses, scaled, without_loss
from rnnbp.train.row_options import row_options
from rnnbp.train.source import Batch


@final
@dataclass(frozen=True)
class BatchRuns:
    """Gradients of batches; the fields are arguments of ``Trainer``, ``held`` the bytes that it
    holds all the time within a budget.
    """

    model: Graph
    options: Options
    seed: int
    held: TrainingBytes

    @cached_property
    def losses(self) -> tuple[OutputLoss, ...]:
        """The losses of several outputs; () for one loss."""
        loss = self.options.loss
        return losses_of(self.model, loss) if by_output(loss) else ()

    def losses_of(
        self,
        batch: Batch,
        measured: Averages | None,
        factors: Mapping[Key, float] | None = None,
    ) -> Iterator[LossesLike]:
        """The losses of a batch; then, of several outputs, those that have weight in it.

        Args:
            factors: by output, what its loss is scaled by; those of others have no weight.
        """
        if not self.losses:
            loss = self.options.loss
            wanted = measured is not None and measured.metrics
            yield Observed(loss, measured.see) if measured is not None and wanted else loss
            return
        if factors is not None:
            if factors:
                yield passed_losses(self.model, scaled(self.losses, factors), measured)
            return
        yield passed_losses(self.model, self.losses, measured)
        counted, weights = with_weight(self.model, batch, self.losses)
        if weights:
            yield passed_losses(self.model, counted, measured)

    def no_loss(self) -> LossesLike:
        """The losses of a batch that is run for its state."""
        if not self.losses:
            return NoLoss()
        return passed_losses(self.model, without_loss(self.losses))

    def __call__(
        self, batch: Batch, losses: LossesLike, state: States, step: int, number: int
    ) -> Gradients:
        """The gradients of batch ``number``, from 0, of update number ``step``."""
        x = self._inputs(batch)
        steps = self._steps(x)
        run = partial(
            bptt,
            self.model,
            x,
            batch.target,
            losses,
            chunk=self.options.chunk,
            state=None if batch.fresh else going_on(self.model, state),
            mask=batch.mask,
            **row_options(
                self.model, batch, planned=isinstance(self.options.checkpoint, NetworkPlan)
            ),
            seed=fold(self.seed, step, *[number] * (number > 0)) if self._draws else 0,
            dx=False,
            progress=False,
        )
        checkpoint = self.options.checkpoint
        if not isinstance(checkpoint, Plan) and is_budget(checkpoint):
            budget = parse_budget(checkpoint)
            left: Any = remaining(budget, self.held.total)  # bytes, as no schedule is
            with self._counting(), training_budget(budget, self.held):
                return run(checkpoint=left)
        return run(
            checkpoint=for_batch(checkpoint, steps, self._chunk(batch.x)) if steps else checkpoint
        )

    @cached_property
    def _draws(self) -> bool:
        """True if a layer draws random numbers, so that each update needs a seed of its own."""
        graphs = [
            self.model,
            *(node.block.cell for node in self.model.nodes if isinstance(node.block, Recurrent)),
        ]
        return any(isinstance(n.block, Layer) and n.block.random for g in graphs for n in g.nodes)

    def _inputs(self, batch: Batch) -> InputsLike:
        """x of a batch as ``bptt`` takes it."""
        x = batch.x
        if isinstance(x, dict) or len(self.model.pers) > 1 or sliceable(x) or is_stream(x):
            return x
        return plain("x", x)

    def _steps(self, x: InputsLike) -> int:
        """T of a batch; 0 for a stream."""
        first = passed(self.model, x)[0][self.model.pers.index("step")]
        return first.shape[0] if sliceable(first) else 0

    def _chunk(self, x: InputsLike) -> int:
        """Steps in a chunk of a batch that is no stream, as ``bptt`` has them."""
        if self.options.chunk is not None:
            return self.options.chunk
        values, pers = passed(self.model, x)[0], self.model.pers
        sizes = [np.shape(given) for given in values]
        shapes = [size[2 if per == "step" else 1 :] for size, per in zip(sizes, pers, strict=True)]
        steps, batch = sizes[pers.index("step")][:2]
        return default_chunk(self.model, shapes, batch, steps)

    def check_fits(self, batch: Batch, *, weightless: bool = False) -> None:
        """Raise BudgetError if a batch does not fit in the budget, or in the plan; nothing runs.

        A batch without weight needs at most what it needs with the loss, which is checked for all
        but those that are known to be ``weightless``.
        """
        given, arrays = self.options.checkpoint, (batch.x, batch.target, batch.mask)
        parts = (*parts_of(batch.x), batch.target, batch.mask)
        if not all(part is None or isinstance(part, np.ndarray) for part in parts):
            return
        loss = NoLoss() if weightless else self.options.loss
        if isinstance(given, Plan):
            plan: Any = for_batch(given, self._steps(batch.x), given.chunk)  # no schedule
            check_fits(self.model, *arrays, loss, plan)
        elif is_budget(given):
            budget = parse_budget(given)
            with self._counting(), training_budget(budget, self.held):
                check_fits(self.model, *arrays, loss, remaining(budget, self.held.total))

    def _counting(self) -> AbstractContextManager[None]:
        """Plan by rough costs where several processes must have the same plans."""
        return by_count(self.options.parallel is not None)
