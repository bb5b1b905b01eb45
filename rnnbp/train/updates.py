"""One update of the parameters from one batch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from rnnbp.bptt.calibration import known_costs
from rnnbp.bptt.results import Gradients
from rnnbp.graph.graph import Graph
from rnnbp.graph.penalised import has_penalties
from rnnbp.inputs.states import States
from rnnbp.losses.base import NoWeightError
from rnnbp.losses.penalised import penalties_of
from rnnbp.numerics import Array, real_number, shown
from rnnbp.optim import OnPlateau, Optimizer
from rnnbp.optim.extents import Extent
from rnnbp.optim.rates import called
from rnnbp.parallel.tree import partial_sums
from rnnbp.planning.budget import BudgetError, is_budget
from rnnbp.planning.plan import Plan
from rnnbp.planning.training_bytes import TrainingBytes
from rnnbp.runners.backend import Backend
from rnnbp.runners.refused import backend_for
from rnnbp.runners.rounding import UNSAID, Precision, Rounding
from rnnbp.storage import JSON
from rnnbp.support.ieee import ieee
from rnnbp.support.lazy import cached_property
from rnnbp.train.accumulation import Part
from rnnbp.train.averages import Averages
from rnnbp.train.batch_runs import BatchRuns
from rnnbp.train.carried import carrying
from rnnbp.train.clipped_steps import checked, clipped_step
from rnnbp.train.finiteness import DivergedError, check_finite, loss_not_finite, named_states
from rnnbp.train.named_optimizers import no_optimizer
from rnnbp.train.options import Options
from rnnbp.train.output_losses import OutputLoss, each_loss
from rnnbp.train.source import Batch


class Updated(NamedTuple):
    """The results of an update.

    Attributes:
        loss: of its batch; NaN if nothing had weight.
        penalty: the penalties in it, likewise.
        norm: of the gradients, before clipping.
        rate: the learning rate.
        state, lost: after it; the sequences whose state was lost.
        grads: as used; None if nothing had weight.
        losses: of several outputs, without their weights; of those that had weight.
    """

    loss: float
    norm: float
    rate: float
    state: States
    lost: tuple[int, ...]
    grads: dict[str, Array] | None
    penalty: float = math.nan
    losses: Mapping[str | int, float] = {}

    @property
    def metrics(self) -> dict[str, JSON]:
        """Its part of the line of metrics."""
        line: dict[str, JSON] = {"loss": self.loss, "grad_norm": self.norm, "lr": self.rate}
        return line if self.grads is not None else line | {"weight": 0.0}


@dataclass(frozen=True)
class Update:
    """Gradient, clipping, learning rate, optimiser; its fields are arguments of ``Trainer``."""

    model: Graph
    optimizer: Optimizer
    options: Options
    seed: int
    precision: Precision | None = None
    tape_bits: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise no_optimizer(self.optimizer)
        if self.rounding != UNSAID:
            named = Backend(precision=self.precision, tape_bits=self.tape_bits)
            backend_for(self.model, named)
        for name, p in self.optimizer.params.items():
            if self.model.params.get(name) is not p:
                raise ValueError(
                    f"Trainer: the optimizer's {name!r} is not of this model; build it of this "
                    f"one, as {type(self.optimizer).__name__}(model)"
                )
        if self.options.learning_rate is None and isinstance(
            self.optimizer.learning_rate, OnPlateau
        ):
            raise ValueError(
                "Trainer: the optimizer's learning_rate is an OnPlateau, which needs validation "
                "losses; pass it to the Trainer, as learning_rate="
            )
        self._check_partition()

    def _check_partition(self) -> None:
        """Raise ValueError unless the optimiser is whole, or is partitioned over ``parallel``."""
        cut, parallel = self.optimizer.cut, self.options.parallel
        if cut is None:
            return
        if parallel is None:
            raise ValueError(
                "Trainer: the optimizer is partitioned over processes; give parallel=, as "
                "rnnbp.parallel.MPI(shards=8)"
            )
        if parallel.processes != cut.parallel.processes:
            raise ValueError(
                f"Trainer: the optimizer is partitioned over {cut.parallel.processes} processes, "
                f"and parallel={parallel} has {parallel.processes}; build it anew for these"
            )

    def spread(self) -> None:
        """Partition the optimiser if ``parallel`` says so."""
        parallel = self.options.parallel
        if parallel is not None and parallel.partition and self.optimizer.cut is None:
            self.optimizer.partition(parallel)

    @property
    def rounding(self) -> Rounding:
        """How it runs, callbacks too, where no backend is named."""
        return Rounding(self.precision, self.tape_bits)

    @cached_property
    def held(self) -> TrainingBytes:
        """Bytes that training holds all the time within a budget.

        The best parameters are among them whenever there is a figure to follow: the snapshot and
        model.safetensors have them, and ``keep_best`` and ``folder`` may differ in a resumed run,
        whose chunks must be the same. They must be in any number of processes: so of a partitioned
        optimiser all is counted.
        """
        copy = sum(p.nbytes for p in self.model.params.values())
        judges, several = self.options.judges, self.options.accumulate > 1
        parallel = self.options.parallel
        sums = 0 if parallel is None else partial_sums(parallel.shards)
        return TrainingBytes(
            self.optimizer.whole_nbytes, copy * judges, copy * several, copy * sums
        )

    @cached_property
    def penalised(self) -> bool:
        """True if the loss has penalties, whose sum is a figure of each step."""
        losses = each_loss(self.options.loss)
        return bool(any(map(penalties_of, losses)) or has_penalties(self.model))

    @property
    def losses(self) -> tuple[OutputLoss, ...]:
        """The losses of several outputs; () for one loss."""
        return self.runs.losses

    @cached_property
    def runs(self) -> BatchRuns:
        """The runs of batches."""
        return BatchRuns(self.model, self.options, self.seed, self.held)

    @property
    def bounded(self) -> bool:
        """True if the bytes of a run have a bound."""
        return isinstance(self.options.checkpoint, Plan) or is_budget(self.options.checkpoint)

    def costs(self) -> dict[str, JSON]:
        """The measured costs that decide the chunks within a budget; empty without a budget."""
        if isinstance(self.options.checkpoint, Plan):
            return {"costs": [{"plan": self.options.checkpoint.costs.to_dict()}]}
        return {"costs": [*known_costs(self.model)]} if is_budget(self.options.checkpoint) else {}

    @ieee  # what is not finite is checked below
    def __call__(
        self, batch: Batch, state: States, step: int, measured: Averages | None = None
    ) -> Updated:
        """Make update number ``step``, from 0.

        Args:
            measured: sees y, target and mask of each chunk, as the loss does.

        A batch whose weights are all 0 changes no parameter; its metrics have "weight" 0. Raises
        FloatingPointError for a loss, gradient, state or parameter that is not finite; except for
        the parameter, nothing has changed then.
        """
        part, found = self._part(batch, state, step, 0, measured)
        return self._finish(part, found, step)

    @ieee
    def part(
        self,
        batch: Batch,
        state: States,
        step: int,
        number: int,
        measured: Averages | None = None,
        factors: Mapping[str | int, float] | None = None,
    ) -> Part:
        """Batch ``number``, from 0, of those of an update. Raises as the update does.

        Args:
            factors: of several outputs, what their losses are scaled by.
        """
        return self._part(batch, state, step, number, measured, factors)[0]

    @ieee
    def finish(self, part: Part, step: int) -> Updated:
        """Make update number ``step`` from the mean of its batches."""
        place, grads = f"step {step + 1}:", part.grads
        found = [] if grads is None else checked(place, self.optimizer, grads)
        return self._finish(part, found, step)

    def _part(
        self,
        batch: Batch,
        state: States,
        step: int,
        number: int,
        measured: Averages | None,
        factors: Mapping[str | int, float] | None = None,
    ) -> tuple[Part, list[Extent]]:
        """A batch, and the extents of its gradients, all finite."""
        self.optimizer.check_parameters(self.model)
        place = f"step {step + 1}:"
        with carrying(batch, state):
            for losses in self.runs.losses_of(batch, measured, factors):
                with contextlib.suppress(NoWeightError):
                    return self._learned(
                        place, batch, self.runs(batch, losses, state, step, number)
                    )
            # a window of padding alone: nothing to learn, but the state is carried on
            try:
                result = self.runs(batch, self.runs.no_loss(), state, step, number)
            except BudgetError:
                self.runs.check_fits(batch)  # whose error names what batches with weight need
                raise
            check_finite(place, named_states(result.state))
            return Part(math.nan, None, result.state, result.lost), []

    def _learned(self, place: str, batch: Batch, result: Gradients) -> tuple[Part, list[Extent]]:
        """``_part`` of a batch that has weight."""
        loss = float(result.loss)
        grads = {name: result.grads[name] for name in self.optimizer.params}
        gradients = {f"the gradient of {name}": g for name, g in grads.items()}
        if not math.isfinite(loss):
            given = each_loss(self.options.loss)
            raise loss_not_finite(place, loss, given, batch, [*gradients.values()])
        found = check_finite(place, gradients | named_states(result.state))
        penalty = sum(result.penalties.values())
        part = Part(loss, grads, result.state, result.lost, penalty, result.losses)
        return part, found[: len(grads)]

    def _finish(self, part: Part, found: list[Extent], step: int) -> Updated:
        """Clip, update, and check the parameters."""
        loss, grads, state, lost, penalty, losses = part
        if grads is None:
            return Updated(math.nan, 0.0, self.rate(step), state, lost, None)
        rate = self.rate(step)
        norm, finite = clipped_step(self.optimizer, self.options, grads, found, rate)
        if not finite:
            updated = {f"the parameter {name}": p for name, p in self.optimizer.params.items()}
            check_finite(f"step {step + 1}: after the update,", updated, DivergedError)
        return Updated(loss, norm, rate, state, lost, grads, penalty, losses)

    def rate(self, step: int) -> float:
        """The learning rate of update number ``step``."""
        rule = self.options.learning_rate
        if rule is None:
            return self.optimizer.next_rate()
        if isinstance(rule, OnPlateau):
            return rule.learning_rate
        found = called("Trainer: learning_rate", rule, step)
        try:
            rate = float(found)
        except (TypeError, ValueError):
            raise TypeError(
                f"Trainer: learning_rate({step}) is {shown(found)}; a schedule returns a number"
            ) from None
        return real_number(
            f"Trainer: learning_rate({step})", rate, least=0, cure="return a number from 0"
        )
