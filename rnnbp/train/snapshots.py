"""Snapshots: all that a run needs to continue as if it had never stopped, in one file."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.storage import JSON, PathLike, save_tensors
from rnnbp.train.snapshot_reading import Snapshot
from rnnbp.train.standing import Parts, Standing

__all__ = ["Parts", "Standing", "load_snapshot", "save_snapshot"]


def save_snapshot(path: PathLike, parts: Parts, at: Standing, extra: Mapping[str, JSON]) -> None:
    """Write a snapshot, atomically; ``extra`` is metadata: the run's identity and description."""
    past = at.history
    arrays = {
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
    arrays |= {f"optimizer/{name}": slot for name, slot in parts.optimizer.live_state().items()}
    arrays |= {f"state/{i}/{j}": a for i, state in enumerate(at.state) for j, a in enumerate(state)}
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
        **({"lost": [*at.lost]} if at.lost else {}),
        **(
            {"sums": {name: [total, count] for name, (total, count) in at.sums.items()}}
            if at.sums
            else {}
        ),
        **({"anew": True} if at.anew else {}),
        **({"weightless": past.weightless} if past.weightless else {}),
    }
    save_tensors(path, arrays, {"snapshot": numbers | parts.rates(), **extra})


def load_snapshot(path: PathLike) -> Snapshot:
    """The contents of a snapshot; nothing is changed yet. Raises StorageError for a bad file."""
    return Snapshot.read(path)
