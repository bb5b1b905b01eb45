"""Snapshots: all that a run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import escaped
from rnnbp.optim import OnPlateau
from rnnbp.storage import JSON, PathLike, json_text, save_tensors
from rnnbp.train.snapshot_reading import Snapshot
from rnnbp.train.standing import Parts, Standing

__all__ = ["Parts", "Standing", "identify", "load_snapshot", "save_snapshot"]


def save_snapshot(path: PathLike, parts: Parts, at: Standing, extra: Mapping[str, JSON]) -> None:
    """Write a snapshot, atomically; ``extra`` is metadata: the run's identity and description."""
    past = at.history
    arrays = {
        "history/losses": np.array(past.losses, np.float64),
        "history/validation_losses": np.array(past.validation_losses, np.float64),
        "history/validation_steps": np.array(past.validation_steps, np.int64),
    }
    arrays |= {f"model/{name}": p for name, p in parts.params.items()}
    arrays |= {f"best/{name}": p for name, p in at.best_weights.items()}
    arrays |= {f"optimizer/{name}": slot for name, slot in parts.optimizer.state_dict().items()}
    arrays |= {f"state/{i}/{j}": a for i, state in enumerate(at.state) for j, a in enumerate(state)}
    numbers: dict[str, JSON] = {
        "step": at.step,
        "epoch": at.epoch,
        "index": at.index,
        "states": [len(state) for state in at.state],
        "waited": at.waited,
        "best_loss": past.best_loss,
        "best_step": past.best_step,
        "seconds": past.seconds,
    }
    save_tensors(path, arrays, {"snapshot": numbers | parts.rates(), **extra})


def load_snapshot(path: PathLike, parts: Parts, identity: Mapping[str, JSON]) -> tuple[Standing, str]:
    """Put a snapshot's values into ``parts``; gives where the run stood, and the fingerprint of its data.

    Raises StorageError for a bad file, ValueError for the snapshot of a run that was set up otherwise,
    before anything changes.
    """
    found = Snapshot.read(path)
    found.check_model(parts)
    _check_same(path, identity, found.metadata.fields("identity").values)
    data = found.metadata.text("data")
    return found.put(parts), data


def identify(values: Mapping[str, object]) -> dict[str, JSON]:
    """Settings as JSON: numbers and strings as they are, objects as what they show of themselves."""
    found: dict[str, JSON] = {}
    for name, value in values.items():
        plain = value is None or isinstance(value, (bool, int, float, str, dict))
        found[name] = json.loads(json_text(name, value)) if plain else _shown(value)
    return found


def _shown(value: object) -> str:
    """repr without addresses in memory; of a learning rate with state, its settings."""
    if isinstance(value, OnPlateau):
        changing = value.state_dict().keys()
        return f"OnPlateau { ({k: v for k, v in vars(value).items() if k not in changing}) }"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _check_same(path: PathLike, now: Mapping[str, JSON], then: Mapping[str, JSON]) -> None:
    names = sorted(now.keys() | then.keys())
    changed = [name for name in names if then.get(name) != now.get(name)]
    found = [f"{escaped(name, 80)} was {then.get(name)!r}, is {now.get(name)!r}" for name in changed]
    if found:
        raise ValueError(
            f"resume from {path}: the run was set up otherwise: {'; '.join(found)}; set it up as it was, "
            f"or begin a new run from its model.safetensors with load_weights"
        )
