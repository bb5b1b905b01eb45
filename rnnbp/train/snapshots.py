"""Snapshots: all that a run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rnnbp.bptt.results import States
from rnnbp.numerics import Array
from rnnbp.optim import OnPlateau, Optimizer
from rnnbp.storage import JSON, PathLike, StorageError, json_text, load_tensors, save_tensors
from rnnbp.train.history import History
from rnnbp.train.weights import assign, check_fits


@dataclass(slots=True)
class Standing:
    """Where a run stands: what changes as it goes, besides parameters, optimiser and learning rate.

    The next batch is ``index`` of ``epoch``; ``state`` is what the last one left; ``waited`` counts
    validations since the best one, whose parameters are ``best_weights``.
    """

    step: int = 0
    epoch: int = 0
    index: int = 0
    state: States = ()
    waited: int = 0
    best_weights: dict[str, Array] = field(default_factory=dict)
    history: History = field(default_factory=History)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a run changes in place. ``plateau`` is its learning rate if that learns from validation."""

    params: dict[str, Array]
    optimizer: Optimizer
    plateau: OnPlateau | None

    def rates(self) -> dict[str, Any]:
        """The learning rates that are not a function of the step."""
        return {"lr": self.optimizer.lr, "plateau": None if self.plateau is None else self.plateau.state_dict()}


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
    arrays, metadata = load_tensors(path)
    if "snapshot" not in metadata:
        raise StorageError(f"{path} holds weights alone, no snapshot; use load_weights, and begin a new run")
    stored: Any = metadata
    params, best, slots = (_under(prefix, arrays) for prefix in ("model/", "best/", "optimizer/"))
    check_fits(f"resume from {path}", parts.params, params)
    _check_same(path, identity, stored["identity"])
    parts.optimizer.load_state_dict(slots)
    assign(f"resume from {path}", parts.params, params)
    numbers = stored["snapshot"]
    parts.optimizer.lr = numbers["lr"]
    if parts.plateau is not None:
        parts.plateau.load_state_dict(numbers["plateau"])
    return _standing(numbers, arrays, best), stored["data"]


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
    found = [
        f"{name} was {then.get(name)!r}, is {now.get(name)!r}" for name in names if then.get(name) != now.get(name)
    ]
    if found:
        raise ValueError(
            f"resume from {path}: the run was set up otherwise: {'; '.join(found)}; set it up as it was, "
            f"or begin a new run from its model.safetensors with load_weights"
        )


def _standing(numbers: Mapping[str, Any], arrays: Mapping[str, Array], best: dict[str, Array]) -> Standing:
    past = History(
        losses=arrays["history/losses"].tolist(),
        validation_losses=arrays["history/validation_losses"].tolist(),
        validation_steps=arrays["history/validation_steps"].tolist(),
        best_loss=numbers["best_loss"],
        best_step=numbers["best_step"],
        seconds=numbers["seconds"],
    )
    state = tuple(tuple(arrays[f"state/{i}/{j}"] for j in range(count)) for i, count in enumerate(numbers["states"]))
    step, epoch, index = (numbers[name] for name in ("step", "epoch", "index"))
    return Standing(step, epoch, index, state, numbers["waited"], best, past)


def _under(prefix: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
