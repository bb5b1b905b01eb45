"""Reading a snapshot: all of it is checked before anything of the run changes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from rnnbp.bptt.calibration import adopt_costs
from rnnbp.bptt.known_plans import forget_plans
from rnnbp.graph.graph import Graph
from rnnbp.numerics import Array, DtypeError, Shape, escaped, shown
from rnnbp.planning.choice import choose
from rnnbp.planning.costs import Costs
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import Fields, PathLike, StorageError, load_tensors
from rnnbp.train.assigning import assign, check_fits
from rnnbp.train.caller import Caller
from rnnbp.train.identity import Identity
from rnnbp.train.identity_differences import LATER, differences
from rnnbp.train.parts import Parts
from rnnbp.train.run_data import KEY, SEEN, RunData
from rnnbp.train.source import Source
from rnnbp.train.standing import Standing
from rnnbp.train.standing_reading import StandingFields, under

LISTED = 8
"""Differences that an error lists."""
_DIGEST = re.compile(r"\b([0-9a-f]{8})[0-9a-f]{24,}\b")
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

    def check(
        self, parts: Parts, identity: Identity, override: Collection[str], data: Source | None,
        caller: Caller,
    ) -> None:  # fmt: skip
        """Raise ValueError unless the model has its parameters, and the run is set up as it was.

        All that differs is named at once; ``data`` too, if they are known already.
        """
        misfit, place = "", f"resume from {self.path}"
        found = differences(identity, self.metadata.fields("identity").values, override)
        try:
            check_fits(place, parts.params, under(self.arrays, "model/"))
        except ValueError as error:
            if not (found := {part: found[part] for part in found if part != "model"}):
                raise
            misfit = f"{str(error).removeprefix(f'{place}:').lstrip()}; "
        if found and data is not None and (other := self.data(override).differs(data)):
            found["data"] = [f"other data: {other}"]
        if not found:
            return
        lines = [line for part in found.values() for line in part]
        listed = [escaped(_DIGEST.sub(r"\1…", line), 400) for line in lines[:LISTED]]
        listed += [f"and {len(lines) - LISTED} more"] * (len(lines) > LISTED)
        text = f"{place}: {misfit}the run was set up otherwise: {'; '.join(listed)}; "
        if misfit:
            raise ValueError(f"{text}set it up as it was")
        cure = self._cure(parts, caller.override((*override, *found)))
        raise ValueError(
            f"{text}{cure}, or begin a new run from its model.safetensors with load_weights"
        )

    def _cure(self, parts: Parts, overriding: str) -> str:
        """What to do about differing parts; ``overriding`` is the call that resumes anyway."""
        if parts.optimizer.state_like().keys() != under(self.arrays, "optimizer/").keys():
            return "another optimizer has no state to go on with: give it the same"
        return f"set it up as it was, or go on all the same with {overriding}"

    def follows_other(self, identity: Identity) -> bool:
        """True if its best is by a different figure than this run's."""
        then = self.metadata.fields("identity").values
        return then.get("monitor", LATER["monitor"]) != identity["monitor"]

    def planned(self, checkpoint: ScheduleLike | Plan) -> ScheduleLike | Plan:
        """A Plan, recomputed with the costs of the run's, so that chunks are the same.

        Costs decide nothing in that of a network over time.
        """
        if isinstance(checkpoint, NetworkPlan):
            return checkpoint
        for entry in self._costs() if isinstance(checkpoint, Plan) else ():
            if not entry.missing("plan") and isinstance(checkpoint, Plan):
                costs = _read_costs(entry.fields("plan"))
                if "write" not in costs.fixed and costs != checkpoint.costs:
                    return choose(checkpoint.sizes, checkpoint.steps, checkpoint.budget, costs)
        return checkpoint

    def measured(self, model: Graph) -> Callable[[], None]:
        """A function after which budgets are planned with the costs that the run has measured."""
        found = [entry for entry in self._costs() if entry.missing("plan")]
        known = [_Measured.read(entry) for entry in found]
        for each in known:
            if each.dtype not in ("float32", "float64"):
                self.metadata.refuse(f"costs: dtype must be a float's, found {shown(each.dtype)}")

        def adopt() -> None:
            for each in known:
                adopt_costs(model, each.dtype, each.batch, each.shapes, each.costs)
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
        numbers, slots = self.metadata.fields("snapshot"), under(self.arrays, "optimizer/")
        try:
            parts.optimizer.check_state(slots)
        except DtypeError as error:
            raise ValueError(f"resume from {self.path}: {error}") from None
        numeric = isinstance(parts.optimizer.learning_rate, float) and not (
            own_rate and numbers.missing("lr")
        )
        rate = numbers.number("lr") if numeric else None
        plateau = None if own_rate else self._plateau(numbers, parts)
        standing = StandingFields(self.metadata, self.arrays).standing(numbers, parts)
        assign(f"resume from {self.path}", parts.params, under(self.arrays, "model/"))
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


class _Measured(NamedTuple):
    """Costs that a run has measured, and what they are of."""

    dtype: str
    batch: int
    shapes: tuple[Shape, ...]
    costs: Costs

    @classmethod
    def read(cls, entry: Fields) -> _Measured:
        """What a snapshot has. Raises StorageError for what cannot be."""
        dtype, batch = entry.text("dtype"), entry.whole("batch", 1)
        return cls(dtype, batch, _read_shapes(entry), _read_costs(entry))


def _read_shapes(entry: Fields) -> tuple[Shape, ...]:
    """The feature shapes of the inputs, of which one has no number of axes."""
    sizes = entry.wholes("x_shape")
    axes = [len(sizes)] if entry.missing("axes") else entry.wholes("axes")
    if sum(axes) != len(sizes):
        entry.refuse(f"costs: axes must add up to {len(sizes)}, found {axes}")
    ends = [*accumulate(axes)]
    return tuple([tuple(sizes[end - n : end]) for n, end in zip(axes, ends, strict=True)])


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
