"""Reading the place of a run from a snapshot: every value is checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnbp.inputs.states import States
from rnnbp.numerics import Array, escaped, first_bad, shown
from rnnbp.runners.rounding import ROUNDING, joined_roundings
from rnnbp.storage import Fields
from rnnbp.train.assigning import check_fits
from rnnbp.train.best import Best
from rnnbp.train.history import History
from rnnbp.train.parts import Parts
from rnnbp.train.standing import Standing


def under(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    """The arrays whose names begin with a prefix, by what follows it."""
    return {name.removeprefix(prefix): a for name, a in arrays.items() if name.startswith(prefix)}


@dataclass(frozen=True, slots=True)
class StandingFields:
    """The part of a snapshot that is the place of its run."""

    metadata: Fields
    arrays: Mapping[str, Array]

    def standing(self, numbers: Fields, parts: Parts) -> Standing:
        """The place of the run, whose numbers these are."""
        step, epoch, index, waited = (
            numbers.whole(name) for name in ("step", "epoch", "index", "waited")
        )
        best, past = under(self.arrays, "best/"), self._history(numbers, step)
        if bool(best) != (past.best_step is not None):
            self.metadata.refuse(
                "it has the best weights, or the step that they are of, but not both"
            )
        if best:
            check_fits(f"resume from {self.metadata.path}, best weights", parts.params, best)
        states = self._states(numbers, parts)
        lost: tuple[int, ...] = ()
        if not numbers.missing("lost"):
            lost = tuple(numbers.wholes("lost", most=_batch(states) - 1))
        began, sums = self._began(numbers, step, epoch), _sums(numbers)
        anew = numbers.values.get("anew", False)
        if not isinstance(anew, bool):
            self.metadata.refuse(f"anew must be true or false, found {shown(anew)}")
        return Standing(step, epoch, index, states, waited, best, past, lost, began, sums, anew)

    def _began(self, numbers: Fields, step: int, epoch: int) -> tuple[int, int]:
        """Where the fit that wrote it began; (0, 0) in snapshots of earlier versions."""
        found = [0, 0] if numbers.missing("began") else numbers.wholes("began")
        if len(found) != 2 or found[0] > step or found[1] > epoch + 1:
            self.metadata.refuse(
                f"began must be a step and an epoch up to {step} and {epoch}, found {shown(found)}"
            )
        return found[0], found[1]

    def _history(self, numbers: Fields, step: int) -> History:
        found = self._series_of(step)
        none = numbers.raw("best_step") is None and numbers.raw("best_loss") is None
        best_step = None if none else numbers.whole("best_step", most=step)
        steps = found.validation_steps
        unvalidated = numbers.raw("best_loss") is None and best_step not in steps
        best_loss = None if unvalidated else numbers.number("best_loss", least=-np.inf)
        found.best_loss, found.best_step = best_loss, best_step
        found.best = _best(numbers, best_step, best_loss)
        found.seconds = numbers.number("seconds")
        if not numbers.missing("weightless"):
            found.weightless = numbers.whole("weightless", most=_nans(found.losses))
        if not numbers.missing(ROUNDING):
            found.rounding = _rounding(numbers)
        return found

    def _series_of(self, step: int) -> History:
        """A History of ``step`` steps, with losses and metrics alone."""
        losses: list[float] = self._series("losses", "float64").tolist()
        values: list[float] = self._series("validation_losses", "float64").tolist()
        steps: list[int] = self._series("validation_steps", "int64").tolist()
        if (
            len(losses) > step
            or len(values) != len(steps)
            or any(not 0 <= k <= step for k in steps)
        ):
            self.metadata.refuse(f"its history is not that of {step} steps")
        names = under(self.arrays, "history/metrics/")
        metrics: dict[str, list[float]] = {
            name: self._series(f"metrics/{name}", "float64").tolist() for name in names
        }
        if any(len(series) > step for series in metrics.values()):
            self.metadata.refuse(f"its metrics are not those of {step} steps")
        return History(losses, values, steps, metrics=metrics)

    def _series(self, name: str, dtype: str) -> Array:
        found = self.arrays.get(f"history/{name}")
        if found is None or found.dtype != dtype or found.ndim != 1:
            self.metadata.refuse(f"history/{name} must be a vector of {dtype}")
        return found

    def _states(self, numbers: Fields, parts: Parts) -> States:
        """The states that the last batch left, if any: of each Recurrent, arrays (B, ...)."""
        counts, found = (
            numbers.wholes("states", most=len(self.arrays)),
            under(self.arrays, "state/"),
        )
        if counts and counts != [len(shapes) for shapes in parts.state_shapes]:
            self.metadata.refuse(
                f"its states are of {len(counts)} Recurrents, the model has "
                f"{len(parts.state_shapes)}"
            )
        names = [[f"{i}/{j}" for j in range(count)] for i, count in enumerate(counts)]
        if found.keys() != {name for row in names for name in row}:
            self.metadata.refuse("its states are not as many as it says")
        batch = {a.shape[:1] for a in found.values()}
        for row, shapes in zip(names, parts.state_shapes, strict=False):
            for name, shape in zip(row, shapes, strict=True):
                a = found[name]
                if a.dtype.kind != "f" or a.shape[1:] != shape or not a.size or len(batch) > 1:
                    self.metadata.refuse(
                        f"state/{name} has shape {a.shape}, the model's is (B, ...) = (B, *{shape})"
                    )
                if (bad := first_bad(a)) is not None:
                    self.metadata.refuse(f"state/{name} has {a[bad]} at {list(bad)}")
        return tuple(tuple(found[name] for name in row) for row in names)


def _nans(losses: list[float]) -> int:
    return sum(map(math.isnan, losses))


def _rounding(numbers: Fields) -> str:
    """What is not exact of a run, in the words that files have."""
    text = numbers.text(ROUNDING)
    if text != joined_roundings(text, ""):
        numbers.refuse(f"{ROUNDING} {shown(text)} names what is not known to be rounded")
    return text


def _batch(states: States) -> int:
    return next((len(a) for state in states for a in state), 0)


def _best(numbers: Fields, step: int | None, loss: float | None) -> Best | None:
    """The best point; snapshots of earlier versions have its step and validation loss alone."""
    if not numbers.missing("best"):
        found = numbers.fields("best")
        return found.refuse("it is the best of no step") if step is None else Best.read(step, found)
    if step is None:
        return None
    return Best.of_loss(step, numbers.number("best_loss", least=-np.inf) if loss is None else loss)


def _sums(numbers: Fields) -> dict[str, tuple[float, int]]:
    found: dict[str, tuple[float, int]] = {}
    for name, value in ({} if numbers.missing("sums") else numbers.fields("sums").values).items():
        if not isinstance(value, list) or len(value) != 2:
            numbers.refuse(f"sums: {escaped(name, 80)} must be a sum and a count")
        pair = Fields(numbers.path, dict(zip(("sum", "count"), value, strict=True)), "sums")
        found[name] = pair.number("sum", least=-np.inf), pair.whole("count", 1)
    return found
