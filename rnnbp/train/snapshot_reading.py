"""Reading a snapshot: all of it is checked before anything of the run changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.bptt.results import States
from rnnbp.numerics import Array, DtypeError, escaped, first_bad
from rnnbp.storage import Fields, PathLike, StorageError, load_tensors
from rnnbp.train.history import History
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.weights import assign, check_fits

_PREFIXES = ("history/", "model/", "best/", "optimizer/", "state/")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a snapshot holds. ``metadata`` has the run's "identity", its "data", and "snapshot", the numbers."""

    path: PathLike
    metadata: Fields
    arrays: Mapping[str, Array]

    @classmethod
    def read(cls, path: PathLike) -> Snapshot:
        """The file. Raises StorageError for a bad one, or for weights alone."""
        arrays, metadata = load_tensors(path)
        if "snapshot" not in metadata:
            raise StorageError(f"{path} holds weights alone, no snapshot; use load_weights, and begin a new run")
        found = cls(path, Fields(path, metadata), arrays)
        for name in arrays:
            if not name.startswith(_PREFIXES):
                found.metadata.refuse(f"tensor {escaped(name, 80)} is unexpected")
        return found

    def check_model(self, parts: Parts) -> None:
        """Raise ValueError unless its parameters are those of the model."""
        check_fits(f"resume from {self.path}", parts.params, self._under("model/"))

    def put(self, parts: Parts) -> Standing:
        """Put its values into ``parts``, after all have been checked; gives where the run stood.

        Raises StorageError for values that cannot be, ValueError where they do not fit the run.
        """
        numbers, slots = self.metadata.fields("snapshot"), self._under("optimizer/")
        self.check_model(parts)
        try:
            parts.optimizer.check_state(slots)
        except DtypeError as error:
            raise ValueError(f"resume from {self.path}: {error}") from None
        rate = numbers.number("lr")
        plateau = self._plateau(numbers, parts)
        standing = self._standing(numbers, parts)
        assign(f"resume from {self.path}", parts.params, self._under("model/"))
        parts.optimizer.load_state_dict(slots)
        parts.optimizer.lr = rate
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
        step, epoch, index, waited = (numbers.whole(name) for name in ("step", "epoch", "index", "waited"))
        best, past = self._under("best/"), self._history(numbers, step)
        if bool(best) != (past.best_step is not None):
            self.metadata.refuse("it has the best weights, or the step that they are of, but not both")
        if best:
            check_fits(f"resume from {self.path}, best weights", parts.params, best)
        return Standing(step, epoch, index, self._states(numbers, parts), waited, best, past)

    def _history(self, numbers: Fields, step: int) -> History:
        losses, values = self._series("losses", "float64"), self._series("validation_losses", "float64")
        steps = self._series("validation_steps", "int64")
        if len(losses) > step or len(values) != len(steps) or any(not 0 <= k <= step for k in steps):
            self.metadata.refuse(f"its history is not that of {step} steps")
        none = numbers.raw("best_step") is None and numbers.raw("best_loss") is None
        return History(
            losses=losses,
            validation_losses=values,
            validation_steps=steps,
            best_loss=None if none else numbers.number("best_loss", least=-np.inf),
            best_step=None if none else numbers.whole("best_step", most=step),
            seconds=numbers.number("seconds"),
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
            self.metadata.refuse(f"its states are of {len(counts)} Recurrents, the model has {len(parts.state_shapes)}")
        names = [[f"{i}/{j}" for j in range(count)] for i, count in enumerate(counts)]
        if found.keys() != {name for row in names for name in row}:
            self.metadata.refuse("its states are not as many as it says")
        batch = {a.shape[:1] for a in found.values()}
        for row, shapes in zip(names, parts.state_shapes, strict=False):
            for name, shape in zip(row, shapes, strict=True):
                a = found[name]
                if a.dtype.kind != "f" or a.shape[1:] != shape or not a.size or len(batch) > 1:
                    self.metadata.refuse(f"state/{name} has shape {a.shape}, the model's is (B, ...) = (B, *{shape})")
                if (bad := first_bad(a)) is not None:
                    self.metadata.refuse(f"state/{name} has {a[bad]} at {list(bad)}")
        return tuple(tuple(found[name] for name in row) for row in names)

    def _under(self, prefix: str) -> dict[str, Array]:
        return {name.removeprefix(prefix): a for name, a in self.arrays.items() if name.startswith(prefix)}
