"""One update of the parameters from one batch."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rnnbp.bptt import bptt
from rnnbp.bptt.beforehand import check_fits
from rnnbp.bptt.calibration import known_costs
from rnnbp.bptt.known_plans import for_batch
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.graph.graph import Graph
from rnnbp.graph.penalised import has_penalties
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.objective import LossLike, Observed, Seen
from rnnbp.inputs.passed import parts_of, passed
from rnnbp.inputs.states import States
from rnnbp.losses.base import NoWeightError
from rnnbp.losses.no_loss import NoLoss
from rnnbp.losses.penalised import penalties_of
from rnnbp.numerics import Array, real_number, shown
from rnnbp.optim import OnPlateau, Optimizer, clip_norm, clip_value
from rnnbp.optim.clipping import norm_of, scale_down
from rnnbp.optim.extents import Extent
from rnnbp.optim.rates import called
from rnnbp.planning.budget import BudgetError, is_budget, parse_budget, remaining, training_budget
from rnnbp.planning.plan import Plan
from rnnbp.planning.training_bytes import TrainingBytes
from rnnbp.rng import fold
from rnnbp.storage import JSON
from rnnbp.support.ieee import ieee
from rnnbp.support.lazy import cached_property
from rnnbp.train.accumulation import Part
from rnnbp.train.carried import carrying
from rnnbp.train.finiteness import DivergedError, check_finite, loss_not_finite, named_states
from rnnbp.train.named_optimizers import no_optimizer
from rnnbp.train.options import Options
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
    """

    loss: float
    norm: float
    rate: float
    state: States
    lost: tuple[int, ...]
    grads: dict[str, Array] | None
    penalty: float = math.nan

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

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise no_optimizer(self.optimizer)
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

    @cached_property
    def held(self) -> TrainingBytes:
        """Bytes that training holds all the time within a budget.

        The best parameters are among them whenever there is a figure to follow: the snapshot and
        model.safetensors have them, and ``keep_best`` and ``folder`` may differ in a resumed run,
        whose chunks must be the same.
        """
        copy = sum(p.nbytes for p in self.model.params.values())
        judges, several = self.options.judges, self.options.accumulate > 1
        return TrainingBytes(self.optimizer.nbytes, copy * judges, copy * several)

    @cached_property
    def penalised(self) -> bool:
        """True if the loss has penalties, whose sum is a figure of each step."""
        return bool(penalties_of(self.options.loss) or has_penalties(self.model))

    @property
    def bounded(self) -> bool:
        """True if the bytes of a run have a bound."""
        return isinstance(self.options.checkpoint, Plan) or is_budget(self.options.checkpoint)

    def costs(self) -> dict[str, JSON]:
        """The measured costs that decide the chunks within a budget; empty without a budget."""
        if isinstance(self.options.checkpoint, Plan):
            return {"costs": [{"plan": self.options.checkpoint.costs.to_dict()}]}
        return {"costs": [*known_costs(self.model)]} if is_budget(self.options.checkpoint) else {}

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
            plan: Any = for_batch(given, self._steps(batch.x), self.options.chunk)  # no schedule
            check_fits(self.model, *arrays, loss, plan)
        elif is_budget(given):
            budget = parse_budget(given)
            with training_budget(budget, self.held):
                check_fits(self.model, *arrays, loss, remaining(budget, self.held.total))

    @ieee  # what is not finite is checked below
    def __call__(self, batch: Batch, state: States, step: int, seen: Seen | None = None) -> Updated:
        """Make update number ``step``, from 0.

        Args:
            seen: called with y, target and mask of each chunk, as the loss is.

        A batch whose weights are all 0 changes no parameter; its metrics have "weight" 0. Raises
        FloatingPointError for a loss, gradient, state or parameter that is not finite; except for
        the parameter, nothing has changed then.
        """
        part, found = self._part(batch, state, step, 0, seen)
        return self._finish(part, found, step)

    @ieee
    def part(
        self, batch: Batch, state: States, step: int, number: int, seen: Seen | None = None
    ) -> Part:
        """Batch ``number``, from 0, of those of an update. Raises as the update does."""
        return self._part(batch, state, step, number, seen)[0]

    @ieee
    def finish(self, part: Part, step: int) -> Updated:
        """Make update number ``step`` from the mean of its batches."""
        grads = {f"the gradient of {name}": g for name, g in (part.grads or {}).items()}
        return self._finish(part, check_finite(f"step {step + 1}:", grads), step)

    def _part(
        self, batch: Batch, state: States, step: int, number: int, seen: Seen | None
    ) -> tuple[Part, list[Extent]]:
        """A batch, and the extents of its gradients, all finite."""
        self.optimizer.check_parameters(self.model)
        place = f"step {step + 1}:"
        with carrying(batch, state):
            loss_of = self.options.loss if seen is None else Observed(self.options.loss, seen)
            with contextlib.suppress(NoWeightError):
                return self._learned(place, batch, self._run(batch, loss_of, state, step, number))
            # a window of padding alone: nothing to learn, but the state is carried on
            try:
                result = self._run(batch, NoLoss(), state, step, number)
            except BudgetError:
                self.check_fits(batch)  # whose error names what batches with weight need
                raise
            check_finite(place, named_states(result.state))
            return Part(math.nan, None, result.state, result.lost), []

    def _learned(self, place: str, batch: Batch, result: Gradients) -> tuple[Part, list[Extent]]:
        """``_part`` of a batch that has weight."""
        loss = float(result.loss)
        grads = {name: result.grads[name] for name in self.optimizer.params}
        gradients = {f"the gradient of {name}": g for name, g in grads.items()}
        if not math.isfinite(loss):
            raise loss_not_finite(place, loss, self.options.loss, batch, [*gradients.values()])
        found = check_finite(place, gradients | named_states(result.state))
        penalty = sum(result.penalties.values())
        return Part(loss, grads, result.state, result.lost, penalty), found[: len(grads)]

    def _finish(self, part: Part, found: list[Extent], step: int) -> Updated:
        """Clip, update, and check the parameters."""
        loss, grads, state, lost, penalty = part
        if grads is None:
            return Updated(math.nan, 0.0, self.rate(step), state, lost, None)
        norm, rate = self._clip(grads, found), self.rate(step)
        self._step(grads, found, norm, rate)
        updated = {f"the parameter {name}": p for name, p in self.optimizer.params.items()}
        check_finite(f"step {step + 1}: after the update,", updated, DivergedError)
        return Updated(loss, norm, rate, state, lost, grads, penalty)

    def _run(
        self, batch: Batch, loss: LossLike | Observed, state: States, step: int, number: int
    ) -> Gradients:
        given: Any = loss  # an Observed too, which bptt hands on, but promises nobody
        x = self._inputs(batch)
        steps = self._steps(x)
        run = partial(
            bptt,
            self.model,
            x,
            batch.target,
            given,
            chunk=self.options.chunk,
            state=state if state and not batch.fresh else None,
            mask=batch.mask,
            seed=fold(self.seed, step, *[number] * (number > 0)),
            dx=False,
            progress=False,
        )
        checkpoint = self.options.checkpoint
        if not isinstance(checkpoint, Plan) and is_budget(checkpoint):
            budget = parse_budget(checkpoint)
            left: Any = remaining(budget, self.held.total)  # bytes, as no schedule is
            with training_budget(budget, self.held):
                return run(checkpoint=left)
        return run(
            checkpoint=for_batch(checkpoint, steps, self.options.chunk) if steps else checkpoint
        )

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

    def _step(self, grads: dict[str, Array], found: list[Extent], norm: float, lr: float) -> None:
        """Update the parameters; the gradients have been checked, and only clipped since then."""
        if self.options.clip_value is not None:
            self.optimizer.step(grads, lr)
            return
        limit = self.options.clip_norm
        scale = 1.0 if limit is None or norm <= limit else limit / norm
        self.optimizer.step_by(
            grads, lr, {n: scale * e.largest for n, e in zip(grads, found, strict=False)}
        )

    def _clip(self, grads: dict[str, Array], found: list[Extent]) -> float:
        """Clip in place, by value and then by norm; returns the norm before."""
        arrays = list(grads.values())
        norm = norm_of(arrays, found)
        if self.options.clip_value is not None:
            clip_value(grads, self.options.clip_value)
            if self.options.clip_norm is not None:
                clip_norm(grads, self.options.clip_norm)
        elif self.options.clip_norm is not None:
            scale_down(arrays, norm, self.options.clip_norm)
        return norm
