"""Reading a snapshot: all of it is checked before anything of the run changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.bptt.calibration import adopt_costs
from rnnbp.bptt.known_plans import forget_plans
from rnnbp.graph.graph import Graph
from rnnbp.inputs.states import States
from rnnbp.numerics import Array, DtypeError, escaped, first_bad, shown
from rnnbp.planning.costs import Costs
from rnnbp.planning.plan import Plan, choose
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import Fields, PathLike, StorageError, load_tensors
from rnnbp.train.assigning import assign, check_fits
from rnnbp.train.best import Best
from rnnbp.train.history import History
from rnnbp.train.identity import Identity
from rnnbp.train.identity_differences import LATER, differences
from rnnbp.train.run_data import KEY, SEEN, RunData
from rnnbp.train.standing import Parts, Standing

LISTED = 8
"""Differences that an error lists."""
_PREFIXES = ("history/", "model/", "best/", "optimizer/", "state/")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The contents of a snapshot.

    ``metadata`` has the run's "identity", its "data", and "snapshot", the numbers.
    """

    path: PathLike
    metadata: Fields
    arrays: Mapping[str, Array]

    @classmethod
    def read(cls, path: PathLike) -> Snapshot:
        """The file. Raises StorageError for a bad one, or for weights alone."""
        arrays, metadata = load_tensors(path)
        if "snapshot" not in metadata:
            raise StorageError(
                f"{path} holds weights alone, no snapshot; use load_weights, and begin a new run"
            )
        found = cls(path, Fields(path, metadata), arrays)
        for name in arrays:
            if not name.startswith(_PREFIXES):
                found.metadata.refuse(f"tensor {escaped(name, 80)} is unexpected")
        return found

    def data(self, override: Collection[str]) -> RunData:
        """The data that the run was trained on, without those named in ``override``."""
        found = {} if self.metadata.missing("batches") else self.metadata.fields("batches").values
        if len(found) > 2 * SEEN or not all(
            KEY.fullmatch(k) and isinstance(v, str) for k, v in found.items()
        ):
            self.metadata.refuse("batches must be digests by place")
        parts = {} if self.metadata.missing("parts") else self.metadata.fields("parts").values
        if not all(isinstance(v, str) for v in parts.values()):
            self.metadata.refuse("parts must be texts by name")
        batches, whole = ({k: str(v) for k, v in each.items()} for each in (found, parts))
        return RunData.stored(self.metadata.text("data"), batches, whole, frozenset(override))

    def check(self, parts: Parts, identity: Identity, override: Collection[str]) -> None:
        """Raise ValueError unless the model has its parameters, and the run is set up as it was."""
        check_fits(f"resume from {self.path}", parts.params, self._under("model/"))
        found = differences(identity, self.metadata.fields("identity").values, override)
        if found:
            lines = [line for part in found.values() for line in part]
            listed = [escaped(line, 400) for line in lines[:LISTED]]
            listed += [f"and {len(lines) - LISTED} more"] * (len(lines) > LISTED)
            raise ValueError(
                f"resume from {self.path}: the run was set up otherwise: {'; '.join(listed)}; "
                f"{self._cure(parts, (*override, *found))}, or begin a new run from its "
                f"model.safetensors with load_weights"
            )

    def _cure(self, parts: Parts, names: tuple[str, ...]) -> str:
        """What to do about differing parts, those named in ``override`` among ``names``."""
        if parts.optimizer.live_state().keys() != self._under("optimizer/").keys():
            return "another optimizer has no state to go on with: give it the same"
        return f"set it up as it was, or go on all the same with resume(override={names})"

    def follows_other(self, identity: Identity) -> bool:
        """True if its best is by a different figure than this run's."""
        then = self.metadata.fields("identity").values
        return then.get("monitor", LATER["monitor"]) != identity["monitor"]

    def planned(self, checkpoint: ScheduleLike | Plan) -> ScheduleLike | Plan:
        """A Plan recomputed with the costs that the run's was computed with, so that its chunks are
        the same.
        """
        for entry in self._costs() if isinstance(checkpoint, Plan) else ():
            if not entry.missing("plan") and isinstance(checkpoint, Plan):
                costs = _read_costs(entry.fields("plan"))
                if "write" not in costs.fixed and costs != checkpoint.costs:
                    return choose(checkpoint.sizes, checkpoint.steps, checkpoint.budget, costs)
        return checkpoint

    def measured(self, model: Graph) -> Callable[[], None]:
        """A function that makes budgets be planned with the costs that the run has measured, not
        with new ones.
        """
        found = [entry for entry in self._costs() if entry.missing("plan")]
        known = [
            (
                entry.text("dtype"),
                entry.whole("batch", 1),
                (*entry.wholes("x_shape"),),
                _read_costs(entry),
            )
            for entry in found
        ]
        for dtype, *_ in known:
            if dtype not in ("float32", "float64"):
                self.metadata.refuse(f"costs: dtype must be a float's, found {shown(dtype)}")

        def adopt() -> None:
            for dtype, batch, x_shape, costs in known:
                adopt_costs(model, dtype, batch, x_shape, costs)
            forget_plans(model)

        return adopt

    def _costs(self) -> list[Fields]:
        found = self.metadata.values.get("costs", [])
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            self.metadata.refuse("costs must be a list of dicts")
        return [Fields(self.path, entry, "costs") for entry in found if isinstance(entry, dict)]

    def put(self, parts: Parts, *, own_rate: bool = False) -> Standing:
        """Put its values into ``parts``, after all have been checked; returns where the run stood.

        With ``own_rate`` the learning rate stays that of ``parts``.
        Raises StorageError for values that cannot be, ValueError where they do not fit the run.
        """
        numbers, slots = self.metadata.fields("snapshot"), self._under("optimizer/")
        try:
            parts.optimizer.check_state(slots)
        except DtypeError as error:
            raise ValueError(f"resume from {self.path}: {error}") from None
        numeric = isinstance(parts.optimizer.learning_rate, float) and not (
            own_rate and numbers.missing("lr")
        )
        rate = numbers.number("lr") if numeric else None
        plateau = None if own_rate else self._plateau(numbers, parts)
        standing = self._standing(numbers, parts)
        assign(f"resume from {self.path}", parts.params, self._under("model/"))
        parts.optimizer.load_state_dict(slots)
        if not own_rate and rate is not None:
            parts.optimizer.learning_rate = rate
        if parts.plateau is not None and plateau is not None:
            parts.plateau.load_state_dict(plateau)
        return standing

    def _plateau(self, numbers: Fields, parts: Parts) -> dict[str, float | int | None] | None:
        if parts.plateau is None:
            return None
        found = numbers.fields("plateau")
        found.only("lr", "best", "bad_epochs", "cooling")
        best = None if found.raw("best") is None else found.number("best", least=-np.inf)
        counts = {name: found.whole(name) for name in ("bad_epochs", "cooling")}
        return {"lr": found.number("lr"), "best": best, **counts}

    def _standing(self, numbers: Fields, parts: Parts) -> Standing:
        step, epoch, index, waited = (
            numbers.whole(name) for name in ("step", "epoch", "index", "waited")
        )
        best, past = self._under("best/"), self._history(numbers, step)
        if bool(best) != (past.best_step is not None):
            self.metadata.refuse(
                "it has the best weights, or the step that they are of, but not both"
            )
        if best:
            check_fits(f"resume from {self.path}, best weights", parts.params, best)
        states = self._states(numbers, parts)
        lost = (
            ()
            if numbers.missing("lost")
            else tuple(numbers.wholes("lost", most=_batch(states) - 1))
        )
        began, sums, anew = (
            self._began(numbers, step, epoch),
            _sums(numbers),
            numbers.values.get("anew", False),
        )
        if not isinstance(anew, bool):
            self.metadata.refuse(f"anew must be true or false, found {shown(anew)}")
        return Standing(step, epoch, index, states, waited, best, past, lost, began, sums, anew)

    def _began(self, numbers: Fields, step: int, epoch: int) -> tuple[int, int]:
        """Where the fit that wrote it began; snapshots of earlier versions do not say, and count
        all.
        """
        found = [0, 0] if numbers.missing("began") else numbers.wholes("began")
        if len(found) != 2 or found[0] > step or found[1] > epoch + 1:
            self.metadata.refuse(
                f"began must be a step and an epoch up to {step} and {epoch}, found {shown(found)}"
            )
        return found[0], found[1]

    def _history(self, numbers: Fields, step: int) -> History:
        losses, values = (
            self._series("losses", "float64"),
            self._series("validation_losses", "float64"),
        )
        steps = self._series("validation_steps", "int64")
        if (
            len(losses) > step
            or len(values) != len(steps)
            or any(not 0 <= k <= step for k in steps)
        ):
            self.metadata.refuse(f"its history is not that of {step} steps")
        names = self._under("history/metrics/")
        metrics = {name: self._series(f"metrics/{name}", "float64") for name in names}
        if any(len(series) > step for series in metrics.values()):
            self.metadata.refuse(f"its metrics are not those of {step} steps")
        none = numbers.raw("best_step") is None and numbers.raw("best_loss") is None
        best_step = None if none else numbers.whole("best_step", most=step)
        unvalidated = numbers.raw("best_loss") is None and best_step not in steps
        best_loss = None if unvalidated else numbers.number("best_loss", least=-np.inf)
        return History(
            losses=losses,
            validation_losses=values,
            validation_steps=steps,
            metrics=metrics,
            best_loss=best_loss,
            best_step=best_step,
            best=_best(numbers, best_step, best_loss),
            seconds=numbers.number("seconds"),
            weightless=0
            if numbers.missing("weightless")
            else numbers.whole("weightless", most=_nans(losses)),
        )

    def _series(self, name: str, dtype: str) -> list[Any]:
        found = self.arrays.get(f"history/{name}")
        if found is None or found.dtype != dtype or found.ndim != 1:
            self.metadata.refuse(f"history/{name} must be a vector of {dtype}")
        values: list[Any] = found.tolist()
        return values

    def _states(self, numbers: Fields, parts: Parts) -> States:
        """The states that the last batch left, if any: of each Recurrent, arrays (B, ...)."""
        counts, found = numbers.wholes("states", most=len(self.arrays)), self._under("state/")
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

    def _under(self, prefix: str) -> dict[str, Array]:
        return {
            name.removeprefix(prefix): a
            for name, a in self.arrays.items()
            if name.startswith(prefix)
        }


def _nans(losses: list[float]) -> int:
    return sum(map(math.isnan, losses))


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


def _read_costs(found: Fields) -> Costs:
    fixed, step = found.fields("fixed"), found.fields("step")
    try:
        return Costs(
            {name: fixed.number(name) for name in fixed.values},
            {name: step.number(name) for name in step.values},
            found.number("byte"),
        )
    except ValueError as error:
        found.refuse(str(error))
