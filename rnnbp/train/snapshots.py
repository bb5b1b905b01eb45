"""Snapshots: all that a run needs to continue as if it had never stopped, in one file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.optim.collected import collected
from rnnbp.runners.rounding import ROUNDING
from rnnbp.storage import JSON, PathLike, save_tensors
from rnnbp.storage.header import Tensor
from rnnbp.train.parts import Parts
from rnnbp.train.snapshot_reading import Snapshot
from rnnbp.train.standing import Standing


def save_snapshot(path: PathLike, parts: Parts, at: Standing, extra: Mapping[str, JSON]) -> None:
    """Write a snapshot, atomically; ``extra`` is metadata: the run's identity and description."""
    numbers = _numbers(at) | parts.rates()
    with collected(parts.optimizer) as slots:
        save_tensors(path, _arrays(parts, at, slots), {"snapshot": numbers, **extra})


def _arrays(parts: Parts, at: Standing, slots: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """By name, the series of the history, the parameters, and the states."""
    past = at.history
    arrays: dict[str, Tensor] = {
        "history/losses": np.array(past.losses, np.float64),
        "history/validation_losses": np.array(past.validation_losses, np.float64),
        "history/validation_steps": np.array(past.validation_steps, np.int64),
    }
    arrays |= {
        f"history/metrics/{name}": np.array(values, np.float64)
        for name, values in past.metrics.items()
    }
    arrays |= {f"model/{name}": p for name, p in parts.params.items()}
    arrays |= {f"best/{name}": p for name, p in at.best_weights.items()}
    arrays |= {f"optimizer/{name}": slot for name, slot in slots.items()}
    arrays |= {f"state/{i}/{j}": a for i, state in enumerate(at.state) for j, a in enumerate(state)}
    return arrays


def _numbers(at: Standing) -> dict[str, JSON]:
    """The place of a run. What is as at its beginning is left out, as in earlier versions."""
    past = at.history
    numbers: dict[str, JSON] = {
        "step": at.step,
        "epoch": at.epoch,
        "index": at.index,
        "states": [len(state) for state in at.state],
        "waited": at.waited,
        "best_loss": past.best_loss,
        "best_step": past.best_step,
        "best": None if past.best is None else past.best.to_json(),
        "seconds": past.seconds,
        "began": [*at.began],
    }
    if at.lost:
        numbers["lost"] = [*at.lost]
    if at.sums:
        numbers["sums"] = {name: [total, count] for name, (total, count) in at.sums.items()}
    if at.anew:
        numbers["anew"] = True
    if past.weightless:
        numbers["weightless"] = past.weightless
    if past.rounding:
        numbers[ROUNDING] = past.rounding
    return numbers


def load_snapshot(path: PathLike) -> Snapshot:
    """The contents of a snapshot; nothing is changed yet. Raises StorageError for a bad file."""
    return Snapshot.read(path)
