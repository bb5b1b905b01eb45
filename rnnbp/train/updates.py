"""One update of the parameters from one batch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rnnbp.bptt import bptt
from rnnbp.bptt.calibration import known_costs
from rnnbp.bptt.known_plans import for_batch
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import is_stream, plain, sliceable
from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike, Observed, Seen
from rnnbp.inputs.states import States
from rnnbp.ledger import arrays_in
from rnnbp.losses import Loss
from rnnbp.losses.base import NoLoss, NoWeightError
from rnnbp.losses.function import as_loss
from rnnbp.losses.own import Own, target_not_finite
from rnnbp.numerics import Array, first_bad, real_number, shown
from rnnbp.optim import OnPlateau, Optimizer, clip_norm, clip_value
from rnnbp.optim.clipping import norm_of, scale_down
from rnnbp.optim.parameters import Extent, extents
from rnnbp.optim.rates import called
from rnnbp.planning.budget import is_budget, parse_budget, remaining, training_budget
from rnnbp.planning.plan import Plan
from rnnbp.rng import fold
from rnnbp.storage import JSON
from rnnbp.support.ieee import ieee
from rnnbp.support.lazy import cached_property
from rnnbp.train.accumulation import Part
from rnnbp.train.carried import carrying
from rnnbp.train.identity import (
    Identity,
    described,
    of_chunks,
    of_optimizer,
    of_rate,
    of_surroundings,
)
from rnnbp.train.options import Options
from rnnbp.train.source import Batch
from rnnbp.train.wiring import of_model

LOWER = (
    "lower the learning rate, clip gradients by clip_norm, or look at the data of this step, "
    "which on_nonfinite='skip' leaves out"
)
"""What to do about numbers that are not finite."""


class Updated(NamedTuple):
    """The results of an update: loss, gradient norm before clipping, rate, state, the sequences
    whose state was lost, and the gradients as used, None if it had no weight.
    """

    metrics: dict[str, Any]
    state: States
    lost: tuple[int, ...]
    grads: dict[str, Array] | None


@dataclass(frozen=True)
class Update:
    """Gradient, clipping, learning rate, optimiser. Its fields, and options, are arguments of
    ``Trainer``.
    """

    model: Graph
    optimizer: Optimizer
    options: Options
    seed: int

    def __post_init__(self) -> None:
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(
                f"Trainer: optimizer must be of rnnbp.optim, found {shown(self.optimizer)}; as "
                "Adam(model)"
            )
        for name, p in self.optimizer.params.items():
            if self.model.params.get(name) is not p:
                raise ValueError(
                    f"Trainer: the optimizer's {name!r} is not of this model; build it as "
                    "Adam(model)"
                )
        if self.options.learning_rate is None and isinstance(
            self.optimizer.learning_rate, OnPlateau
        ):
            raise ValueError(
                "Trainer: the optimizer's learning_rate is an OnPlateau, which needs validation "
                "losses; pass it to the Trainer, as learning_rate="
            )

    @cached_property
    def held(self) -> int:
        """Bytes that training holds all the time within a budget: the optimiser's, the best
        parameters, and the sum of gradients if an update has several batches.
        """
        copies = self.options.judges + (self.options.accumulate > 1)
        return self.optimizer.nbytes + copies * sum(p.nbytes for p in self.model.params.values())

    def identity(self) -> Identity:
        """All that decides the bits of an update, except parameters, batches and what changes with
        them.
        """
        options = self.options
        known = {f"parameter {name}": array for name, array in self.model.params.items()}
        found: Identity = {
            "model": of_model(self.model),
            "loss": described("loss", options.loss, known),
        }
        found |= {
            name: described(name, getattr(options, name)) for name in ("clip_norm", "clip_value")
        }
        found |= {
            "seed": described("seed", self.seed),
            "optimizer": of_optimizer(self.optimizer),
            "learning_rate": of_rate(options.learning_rate, self.optimizer),
        }
        return found | of_chunks(options.checkpoint, options.chunk) | of_surroundings()

    def costs(self) -> dict[str, JSON]:
        """The measured costs that decide the chunks within a budget; empty without a budget."""
        if isinstance(self.options.checkpoint, Plan):
            return {"costs": [{"plan": self.options.checkpoint.costs.to_dict()}]}
        return {"costs": [*known_costs(self.model)]} if is_budget(self.options.checkpoint) else {}

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
        """Batch ``number``, from 0, of those that an update is made from. Raises as the update
        does.
        """
        return self._part(batch, state, step, number, seen)[0]

    @ieee
    def finish(self, part: Part, step: int) -> Updated:
        """Make update number ``step`` from the mean of its batches."""
        grads = {f"the gradient of {name}": g for name, g in (part.grads or {}).items()}
        return self._finish(part, _check(f"step {step + 1}:", grads), step)

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
            result = self._run(batch, NoLoss(), state, step, number)
            _check(place, _states(result))
            return Part(math.nan, None, result.state, result.lost), []

    def _learned(self, place: str, batch: Batch, result: Gradients) -> tuple[Part, list[Extent]]:
        """``_part`` of a batch that has weight."""
        loss, grads = (
            float(result.loss),
            {name: result.grads[name] for name in self.optimizer.params},
        )
        gradients = {f"the gradient of {name}": g for name, g in grads.items()}
        if not math.isfinite(loss):
            raise _not_finite(place, loss, self.options.loss, batch, [*gradients.values()])
        found = _check(place, gradients | _states(result))
        return Part(loss, grads, result.state, result.lost), found[: len(grads)]

    def _finish(self, part: Part, found: list[Extent], step: int) -> Updated:
        """Clip, update, and check the parameters."""
        loss, grads, state, lost = part
        if grads is None:
            metrics = {"loss": math.nan, "grad_norm": 0.0, "lr": self.rate(step), "weight": 0.0}
            return Updated(metrics, state, lost, None)
        norm, rate = self._clip(grads, found), self.rate(step)
        self._step(grads, found, norm, rate)
        updated = {f"the parameter {name}": p for name, p in self.optimizer.params.items()}
        _check(f"step {step + 1}: after the update,", updated, DivergedError)
        return Updated({"loss": loss, "grad_norm": norm, "lr": rate}, state, lost, grads)

    def _run(
        self, batch: Batch, loss: LossLike | Observed, state: States, step: int, number: int
    ) -> Gradients:
        given: Any = loss
        x = batch.x if sliceable(batch.x) or is_stream(batch.x) else plain("x", batch.x)
        steps = x.shape[0] if sliceable(x) else 0
        checkpoint: Any = self.options.checkpoint
        how: dict[str, Any] = {
            "chunk": self.options.chunk,
            "state": state if state and not batch.fresh else None,
            "mask": batch.mask,
            "seed": fold(self.seed, step, *[number] * (number > 0)),
            "dx": False,
            "progress": False,
        }
        if not isinstance(checkpoint, Plan) and is_budget(checkpoint):
            with training_budget(checkpoint, self.held):
                how["checkpoint"] = remaining(parse_budget(checkpoint), self.held)
                return bptt(self.model, x, batch.target, given, **how)
        checkpoint = for_batch(checkpoint, steps, self.options.chunk) if steps else checkpoint
        return bptt(self.model, x, batch.target, given, checkpoint=checkpoint, **how)

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


class DivergedError(FloatingPointError):
    """A parameter is not finite after an update: the one numerical error that leaves something
    changed.
    """


def _not_finite(
    place: str, value: float, loss: LossLike, batch: Batch, gradients: list[Array]
) -> FloatingPointError:
    """The error of a loss that is not finite: what is wrong with the target or the function, if
    known.
    """
    what = f"{place} the loss is {value}"
    target, mask = (
        None if a is None or is_stream(a) else plain("batch", a) for a in (batch.target, batch.mask)
    )
    if why := target_not_finite(target, mask):
        return FloatingPointError(f"{what}: {why}")
    own = not isinstance(loss, Loss) or isinstance(loss, Own) or not loss.ours
    if own and all(first_bad(g) is None for g in gradients):
        return FloatingPointError(
            f"{what}, and all gradients are finite: look at how {as_loss(loss)} computes its "
            f"value, as a logarithm or a quotient of 0"
        )
    return FloatingPointError(f"{what}; {LOWER}")


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
                f"{when} {what} is {array[bad]}{f' at {list(bad)}' if bad else ''}; {LOWER}"
            )
    return found
