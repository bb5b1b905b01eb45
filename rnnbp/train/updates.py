"""One update of the parameters from one batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.arrays import is_stream, plain, sliceable
from rnnbp.bptt import bptt
from rnnbp.bptt.budget import is_budget, parse_budget, remaining, training_budget
from rnnbp.bptt.calibration import known_costs
from rnnbp.bptt.objective import LossLike, check_loss
from rnnbp.bptt.planner import Plan
from rnnbp.bptt.results import Gradients, States
from rnnbp.bptt.settle import for_batch
from rnnbp.graph import Graph
from rnnbp.ieee import ieee
from rnnbp.ledger import arrays_in
from rnnbp.losses.base import NoLoss, NoWeightError
from rnnbp.numerics import Array, first_bad, real_number, shown
from rnnbp.optim import OnPlateau, Optimizer, Schedule, clip_by_global_norm, clip_by_value
from rnnbp.optim.clipping import norm_of, scale_down
from rnnbp.optim.learning_rates import check_schedule
from rnnbp.optim.parameters import Extent, extents
from rnnbp.rng import fold
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON
from rnnbp.train.identity import Identity, described, of_chunks, of_optimizer, of_rate, of_surroundings
from rnnbp.train.source import Batch, carrying
from rnnbp.train.wiring import of_model


@dataclass(frozen=True)
class Update:
    """Gradient, clipping, learning rate, optimiser. Its fields are arguments of ``Trainer``."""

    model: Graph
    optimizer: Optimizer
    loss: LossLike
    checkpoint: ScheduleLike | Plan
    chunk: int | None
    clip_norm: float | None
    clip_value: float | None
    learning_rate: Schedule | OnPlateau | None
    seed: int
    kept: int = 0
    """Bytes that training keeps as well, within a budget: of the best parameters."""

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(f"Trainer: optimizer must be of rnnbp.optim, found {shown(self.optimizer)}; as Adam(model)")
        for name, p in self.optimizer.params.items():
            if self.model.params.get(name) is not p:
                raise ValueError(f"Trainer: the optimizer's {name!r} is not of this model; build it as Adam(model)")
        check_loss(self.loss)
        for name, limit in (("clip_norm", self.clip_norm), ("clip_value", self.clip_value)):
            if limit is not None:
                real_number(f"Trainer: {name}", limit, above=0, cure="None clips nothing")
        if self.learning_rate is not None and not isinstance(self.learning_rate, OnPlateau):
            check_schedule("Trainer: learning_rate", self.learning_rate)

    def identity(self) -> Identity:
        """All that decides the bits of an update, but for parameters, batches and what changes with them."""
        known = {f"parameter {name}": array for name, array in self.model.params.items()}
        found: Identity = {"model": of_model(self.model), "loss": described("loss", self.loss, known)}
        found |= {name: described(name, getattr(self, name)) for name in ("clip_norm", "clip_value", "seed")}
        found |= {
            "optimizer": of_optimizer(self.optimizer),
            "learning_rate": of_rate(self.learning_rate, self.optimizer),
        }
        return found | of_chunks(self.checkpoint, self.chunk) | of_surroundings()

    def costs(self) -> dict[str, JSON]:
        """The measured costs that the chunks within a budget follow from; nothing where there is no
        budget."""
        if isinstance(self.checkpoint, Plan):
            return {"costs": [{"plan": self.checkpoint.costs.to_dict()}]}
        return {"costs": [*known_costs(self.model)]} if is_budget(self.checkpoint) else {}

    @ieee  # what is not finite is checked below
    def __call__(self, batch: Batch, state: States, step: int) -> tuple[dict[str, Any], States, tuple[int, ...]]:
        """Make update number ``step``, from 0; returns its loss, gradient norm before clipping, and
        rate; the state; and the sequences whose state is lost in it.

        A batch whose weights are all 0 changes no parameter; its metrics have "weight" 0.
        Raises FloatingPointError for a loss, gradient, state or parameter that is not finite; but for the
        parameter, nothing has changed then.
        """
        self.optimizer.check_parameters(self.model)
        with carrying(batch, state):
            try:
                result = self._run(batch, self.loss, state, step)
            except NoWeightError:  # a window of padding alone: nothing to learn, but the state goes on
                result = self._run(batch, NoLoss(), state, step)
                _check(f"step {step + 1}:", _states(result))
                return {"loss": 0.0, "grad_norm": 0.0, "lr": self.rate(step), "weight": 0.0}, result.state, result.lost
        loss, grads = float(result.loss), {name: result.grads[name] for name in self.optimizer.params}
        place = f"step {step + 1}:"
        _check(place, {"the loss": np.array(loss)} if not math.isfinite(loss) else {})
        gradients = {f"the gradient of {name}": g for name, g in grads.items()}
        found = _check(place, gradients | _states(result))
        norm, rate = self._clip(grads, found[: len(grads)]), self.rate(step)
        self._step(grads, found, norm, rate)
        updated = {f"the parameter {name}": p for name, p in self.optimizer.params.items()}
        _check(f"{place} after the update,", updated, DivergedError)
        return {"loss": loss, "grad_norm": norm, "lr": rate}, result.state, result.lost

    def _run(self, batch: Batch, loss: LossLike, state: States, step: int) -> Gradients:
        x = batch.x if sliceable(batch.x) or is_stream(batch.x) else plain("x", batch.x)
        steps = x.shape[0] if sliceable(x) else 0
        options: dict[str, Any] = {
            "chunk": self.chunk,
            "state": state if state and not batch.fresh else None,
            "mask": batch.mask,
            "seed": fold(self.seed, step),
            "dx": False,
        }
        if not isinstance(self.checkpoint, Plan) and is_budget(self.checkpoint):
            given: Any = self.checkpoint
            held = self.optimizer.nbytes + self.kept
            with training_budget(given, held):
                options["checkpoint"] = remaining(parse_budget(given), held)
                return bptt(self.model, x, batch.target, loss, **options)
        checkpoint = for_batch(self.checkpoint, steps, self.chunk) if steps else self.checkpoint
        return bptt(self.model, x, batch.target, loss, checkpoint=checkpoint, **options)

    def rate(self, step: int) -> float:
        """The learning rate of update number ``step``."""
        if self.learning_rate is None:
            return self.optimizer.lr
        if isinstance(self.learning_rate, OnPlateau):
            return self.learning_rate.lr
        found = self.learning_rate(step)
        try:
            return float(found)
        except (TypeError, ValueError):
            raise TypeError(f"Trainer: learning_rate({step}) is {shown(found)}; a schedule returns a number") from None

    def _step(self, grads: dict[str, Array], found: list[Extent], norm: float, lr: float) -> None:
        """Update the parameters; the gradients have been looked at, and only clipped since then."""
        if self.clip_value is not None:
            self.optimizer.step(grads, lr)
            return
        scale = 1.0 if self.clip_norm is None or norm <= self.clip_norm else self.clip_norm / norm
        self.optimizer.step_by(grads, lr, {n: scale * e.largest for n, e in zip(grads, found, strict=False)})

    def _clip(self, grads: dict[str, Array], found: list[Extent]) -> float:
        """Clip in place, by value and then by norm; gives the norm before."""
        arrays = list(grads.values())
        norm = norm_of(arrays, found)
        if self.clip_value is not None:
            clip_by_value(grads, self.clip_value)
            if self.clip_norm is not None:
                clip_by_global_norm(grads, self.clip_norm)
        elif self.clip_norm is not None:
            scale_down(arrays, norm, self.clip_norm)
        return norm


class DivergedError(FloatingPointError):
    """A parameter is not finite after an update: the one error of numbers that leaves something
    changed."""


def _states(result: Gradients) -> dict[str, Array]:
    return {f"the state {k}": array for k, array in enumerate(arrays_in(result.state))}


def _check(
    when: str, arrays: Mapping[str, Array], error: type[FloatingPointError] = FloatingPointError
) -> list[Extent]:
    """The extents of the arrays, all of which must be finite. Raises ``error``."""
    found = extents([*arrays.values()])
    for (what, array), extent in zip(arrays.items(), found, strict=True):
        if math.isnan(extent.largest):
            bad = first_bad(array) or ()
            raise error(
                f"{when} {what} is {array[bad]}{f' at {list(bad)}' if bad else ''}; "
                f"lower the learning rate, clip gradients by clip_norm, or look at the data of this step, "
                f"which on_nonfinite='skip' leaves out"
            )
    return found
