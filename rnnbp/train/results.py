"""A model over a whole source: its loss, its metrics, its outputs in the order of the data."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from rnnbp.bptt.inference import predict as predict_batch
from rnnbp.inputs.objective import LossLike
from rnnbp.numerics import Array, ShapeError, flag
from rnnbp.rng import check_seed, fold
from rnnbp.train.averages import Averages, Metric
from rnnbp.train.data import Examples, Sequences
from rnnbp.train.origins import note_origin
from rnnbp.train.progress import bar_of_batches
from rnnbp.train.source import Source, check_batch
from rnnbp.train.sources import SourceLike, as_source, epoch_of
from rnnbp.train.validation import validation_loss
from rnnbp.train.windows import Windows


def evaluate_source(
    what: str,
    model: Any,
    data: SourceLike,
    loss: LossLike,
    metrics: tuple[Metric, ...],
    chunk: int | None = None,
    progress: bool | None = None,
) -> dict[str, float]:
    """ "loss" and the metrics by name over an epoch of a source, as if it were one batch."""
    found = Averages(metrics)
    seen = found.see if metrics else None
    value = validation_loss(
        model, as_source(f"{what}: data", data), loss, chunk=chunk, measured=seen, progress=progress
    )
    return {"loss": value, **found.values()}


def predict_source(
    what: str,
    model: Any,
    data: SourceLike,
    last: bool | None = None,
    *,
    chunk: int | None = None,
    training: bool = False,
    seed: int = 0,
    progress: bool | None = None,
) -> Any:
    """y of all of a source, in the order of its data, as ``predict`` describes it."""
    source = _in_order(as_source(f"{what}: data", data))
    last = _last_of(source) if last is None else flag(f"{what}: last", last)
    if last and isinstance(source, Windows):
        raise ValueError(
            f"{what}: last=True is for sequences; the windows of a stream go on, leave it out"
        )
    seed, groups = check_seed(seed), list[list[Array]]()
    whole = _Whole(source.rows) if isinstance(source, (Sequences, Examples)) else None
    state: Any = None
    with bar_of_batches("predict", progress, source) as bar:
        for index, batch in enumerate(epoch_of(source, targets=False)):
            check_batch(batch)
            if last and not batch.fresh:
                raise ValueError(
                    f"{what}: last=True, but batch {index} goes on from the one before; leave it "
                    "out"
                )
            how: dict[str, Any] = {
                "training": training,
                "seed": fold(seed, index),
                "chunk": chunk,
                "progress": False,
            }
            given = None if batch.fresh else state
            try:
                y, state = predict_batch(
                    model, batch.x, state=given, mask=batch.mask, last=last, **how
                )
            except Exception as error:  # whatever a model raises
                note_origin(error, source, 0, index)
                error.add_note(f"in batch {index} of {what}")
                raise
            y = y if last else y.swapaxes(0, 1)
            if whole is not None:
                whole.add(y[:, 0] if isinstance(source, Examples) and not last else y)
            elif batch.fresh or not groups:
                groups.append([y])
            else:
                groups[-1].append(y)
            if bar is not None:
                bar.update(1)
    return _joined(what, source, groups, last=last) if whole is None else whole.array


class _Whole:
    """The outputs of ``rows`` rows, written to their places as they come."""

    def __init__(self, rows: int) -> None:
        self.rows, self.at = rows, 0
        self.array = np.empty(0)

    def add(self, y: Array) -> None:
        """Write the next rows."""
        if not self.at:
            self.array = np.empty((self.rows, *y.shape[1:]), y.dtype)
        self.array[self.at : self.at + len(y)] = y
        self.at += len(y)


def _joined(what: str, source: Source, groups: list[list[Array]], *, last: bool) -> Any:
    """Outputs (B, T, ...) or (B, ...) of groups of batches that continue from one to the next, as
    one array.
    """
    if last:
        return np.concatenate([y for group in groups for y in group])
    whole = [np.concatenate(group, axis=1) if len(group) > 1 else group[0] for group in groups]
    if isinstance(source, Windows):  # lanes, one after the other
        streams = [y.reshape(-1, *y.shape[2:]) for y in whole]
        return streams if source.listed else streams[0]
    lengths = sorted({y.shape[1] for y in whole})
    if len(lengths) > 1:
        raise ShapeError(
            f"{what}: batches are of {', '.join(map(str, lengths))} steps, whose outputs are no "
            "one array; give last=True, or take them one by one: [rb.predict(model, batch.x)[0] "
            "for batch in data]"
        )
    return np.concatenate(whole)


def _in_order(source: Source) -> Source:
    """A source whose batches come in the order of its data."""
    if not isinstance(source, (Sequences, Examples)) or not source.shuffle:
        return source
    found = copy.copy(source)
    found.shuffle = False
    return found


def _last_of(source: Source) -> bool:
    """True if a source has one target for each sequence."""
    layout = getattr(source, "layout", source)
    return getattr(layout, "last", False) is True
