"""``evaluate`` of arrays and of sources, as ``rnnbp`` offers it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import overload

import numpy as np

from rnnbp.bptt.evaluation import evaluate as evaluate_arrays
from rnnbp.bptt.networks import LengthsLike, LossesLike
from rnnbp.inputs.given import ModelLike, SeriesLike, StateLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.states import States
from rnnbp.numerics import optional_flag
from rnnbp.storage import PathLike
from rnnbp.train.finiteness import warn_of_target
from rnnbp.train.listed_sequences import is_list_of_sequences
from rnnbp.train.metrics import MetricsLike, as_metrics
from rnnbp.train.output_losses import by_name
from rnnbp.train.results import evaluate_source
from rnnbp.train.source import Source
from rnnbp.train.sources import SourceLike
from rnnbp.train.x_or_source import is_source, refuse, warn_of_axes
from rnnbp.wording.arguments import takes


class _Missing:
    """The value of an argument that was not passed."""

    def __repr__(self) -> str:
        return "not given"


_MISSING = _Missing()


@overload
def evaluate(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossesLike,
    *,
    state: StateLike = ...,
    mask: SeriesLike = ...,
    chunk: int | None = ...,
    steps: int | None = ...,
    folder: PathLike | None = ...,
    progress: bool | None = ...,
    lengths: LengthsLike = ...,
    reset: LengthsLike = ...,
) -> tuple[float, States]: ...
@overload
def evaluate(
    model: ModelLike,
    x: SourceLike,
    target: LossesLike,
    *,
    metrics: MetricsLike = ...,
    chunk: int | None = ...,
    progress: bool | None = ...,
) -> dict[str, float]: ...
@overload
def evaluate(
    model: ModelLike,
    x: SourceLike,
    *,
    loss: LossesLike,
    metrics: MetricsLike = ...,
    chunk: int | None = ...,
    progress: bool | None = ...,
) -> dict[str, float]: ...
@takes()
def evaluate(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike | _Missing = _MISSING,
    loss: LossesLike | _Missing = _MISSING,
    *,
    metrics: MetricsLike = (),
    state: StateLike = None,
    mask: SeriesLike = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    progress: bool | None = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> tuple[float, States] | dict[str, float]:
    """The loss in evaluation mode, without outputs for more than a chunk at a time.

    For arrays, ``evaluate(model, x, target, loss)``. For a source, as ``Sequences``, or an iterable
    of batches, ``evaluate(model, source, loss, metrics=["accuracy"])``: the result is that of the
    source as one batch. A ``WholeSequence`` loss, or a function, is called for each batch: "loss"
    is then the mean of the batches' values, weighted by the number of their steps that count. For
    the value of all as one batch use a source of one batch, or write a subclass of ``Loss`` with
    sums, as ``ErrorToSignal`` in ``help(rb.losses)``, which is right over batches.

    Args:
        model, x, target, loss, state, mask, chunk, steps, folder, lengths, reset: as ``bptt`` takes
            them.
        metrics: for a source, names or functions, as ``Trainer`` takes them.
        progress: True for a progress bar; by default as ``bptt``: it appears if a run takes long.

    Returns:
        For arrays (loss, state after the last step); for a source a dict of "loss" and the metrics.

    Raises as ``bptt`` does.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    >>> x, labels = np.zeros((8, 5, 3), "float32"), np.zeros(8, int)
    >>> data = rb.Sequences(x, labels, last=True, batch_size=4)
    >>> sorted(rb.evaluate(model, data, rb.losses.CrossEntropy(), metrics=["accuracy"]))
    ['accuracy', 'loss']
    """
    options = {"state": state, "mask": mask, "steps": steps, "folder": folder}
    options |= {"lengths": lengths, "reset": reset}
    if isinstance(target, _Missing) or isinstance(loss, _Missing):
        wanted = loss if isinstance(target, _Missing) else target
        return _of_source(model, x, wanted, metrics, options, chunk, progress)
    _check_arrays(model, x, metrics)
    value = evaluate_arrays(model, x, target, loss, chunk=chunk, progress=progress, **options)
    warn_of_axes(model, x, state, value[1])
    warn_of_target("evaluate", value[0], loss, target, mask)
    return value


def _of_source(
    model: ModelLike,
    x: SeriesLike,
    loss: LossesLike | _Missing,
    metrics: MetricsLike,
    options: Mapping[str, object],
    chunk: int | None,
    progress: bool | None,
) -> dict[str, float]:
    """``evaluate`` of a source. Raises TypeError for anything else, and for ``options``."""
    if isinstance(loss, _Missing) or not (is_source(x) or hasattr(x, "__next__")):
        raise TypeError(
            "evaluate: give (model, x, target, loss), or (model, source, loss) for a source"
        )
    refuse("evaluate", options)
    loss = by_name(as_network(model), loss)
    measured = as_metrics("evaluate: metrics", metrics, loss)
    shown = optional_flag("evaluate: progress", progress)
    return evaluate_source("evaluate", model, x, loss, measured, chunk, shown)


def _check_arrays(model: ModelLike, x: object, metrics: MetricsLike) -> None:
    """Raise TypeError for a source or a list of sequences in the place of x, and for metrics."""
    if not isinstance(x, np.ndarray) and isinstance(x, Source):
        raise TypeError("evaluate: a source has its own targets; give (model, source, loss)")
    if is_list_of_sequences(model, x):
        raise TypeError(
            "evaluate: x is a list of sequences; give evaluate(model, Sequences(x, target, "
            "batch_size=32), loss)"
        )
    if metrics:
        raise TypeError(
            "evaluate: metrics are for a source; wrap the arrays in Sequences(x, y, ...)"
        )
