"""``predict`` and ``evaluate`` of arrays and of sources, as ``rnnbp`` offers them."""

from __future__ import annotations

from itertools import chain, islice
from typing import Any, overload

import numpy as np

from rnnbp.bptt.evaluation import evaluate as evaluate_arrays
from rnnbp.bptt.inference import predict as predict_array
from rnnbp.bptt.shape_warnings import warn_if_batch_first, warn_if_one_step
from rnnbp.checks.batch_first import is_known
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.problem import as_model
from rnnbp.inputs.states import States
from rnnbp.numerics import Array, optional_flag
from rnnbp.storage import PathLike
from rnnbp.train.batches import Batches
from rnnbp.train.iterables import holds_arrays, is_function, iterable
from rnnbp.train.metrics import MetricsLike, as_metrics
from rnnbp.train.results import evaluate_source, predict_source
from rnnbp.train.source import Batch, Source
from rnnbp.train.sources import SourceLike
from rnnbp.wording.arguments import takes


class _Missing:
    """The value of an argument that was not passed."""

    def __repr__(self) -> str:
        return "not given"


AXES = 2
"""Axes of x for steps and sequences."""
_MISSING: Any = _Missing()


@overload
def evaluate(
    model: Any,
    x: Any,
    target: Any,
    loss: LossLike,
    *,
    state: Any = ...,
    mask: Any = ...,
    chunk: int | None = ...,
    steps: int | None = ...,
    folder: PathLike | None = ...,
    progress: bool | None = ...,
) -> tuple[float, States]: ...
@overload
def evaluate(
    model: Any,
    x: SourceLike,
    target: LossLike,
    *,
    metrics: MetricsLike = ...,
    chunk: int | None = ...,
    progress: bool | None = ...,
) -> dict[str, float]: ...
@overload
def evaluate(
    model: Any,
    x: SourceLike,
    *,
    loss: LossLike,
    metrics: MetricsLike = ...,
    chunk: int | None = ...,
    progress: bool | None = ...,
) -> dict[str, float]: ...
@takes()
def evaluate(
    model: Any,
    x: Any,
    target: Any = _MISSING,
    loss: Any = _MISSING,
    *,
    metrics: MetricsLike = (),
    state: Any = None,
    mask: Any = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    progress: bool | None = None,
) -> tuple[float, States] | dict[str, float]:
    """The loss in evaluation mode, without outputs for more than a chunk at a time.

    For arrays, ``evaluate(model, x, target, loss)``. For a source, as ``Sequences``, or an iterable
    of batches, ``evaluate(model, source, loss, metrics=["accuracy"])``: the result is that of the
    source as one batch. A ``WholeSequence`` loss, or a function, is called for each batch: "loss"
    is then the mean of the batches' values, weighted by the number of their steps that count. For
    the value of all as one batch use a source of one batch, or write a subclass of ``Loss`` with
    sums, as ``ErrorToSignal`` in ``help(rb.losses)``, which is right over batches.

    Args:
        model, x, target, loss, state, mask, chunk, steps, folder: as ``bptt`` takes them.
        metrics: for a source, names or functions, as ``Trainer`` takes them.
        progress: True for a progress bar; by default as ``bptt``: it appears if a run takes long.

    Returns:
        For arrays (loss, state after the last step); for a source a dict of "loss" and the metrics.

    Raises as ``bptt`` does.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    >>> data = rb.Sequences(np.zeros((8, 5, 3), "float32"), np.zeros(8, int), last=True, batch_size=4)
    >>> sorted(rb.evaluate(model, data, rb.losses.CrossEntropy(), metrics=["accuracy"]))
    ['accuracy', 'loss']
    """
    options = {"state": state, "mask": mask, "steps": steps, "folder": folder}
    if target is _MISSING or loss is _MISSING:
        wanted = loss if target is _MISSING else target
        if wanted is _MISSING or not (is_source(x) or hasattr(x, "__next__")):
            raise TypeError(
                "evaluate: give (model, x, target, loss), or (model, source, loss) for a source"
            )
        _refuse("evaluate", options)
        measured = as_metrics("evaluate: metrics", metrics, wanted)
        return evaluate_source(
            "evaluate",
            model,
            x,
            wanted,
            measured,
            chunk,
            optional_flag("evaluate: progress", progress),
        )
    if not isinstance(x, np.ndarray) and isinstance(x, Source):
        raise TypeError("evaluate: a source has its own targets; give (model, source, loss)")
    if metrics:
        raise TypeError(
            "evaluate: metrics are for a source; wrap the arrays in Sequences(x, y, ...)"
        )
    value = evaluate_arrays(model, x, target, loss, chunk=chunk, progress=progress, **options)
    _warn_of_axes(model, x, state)
    return value


@takes()
def predict(
    model: Any,
    x: Any,
    *,
    state: Any = None,
    chunk: int | None = None,
    mask: Any = None,
    last: bool | None = None,
    training: bool = False,
    seed: int = 0,
    progress: bool | None = None,
) -> Any:
    """The model's outputs in evaluation mode.

    Args:
        model, state, chunk: as ``bptt`` takes them; with a source no state can be passed.
        x: an array (T, B, ...) or stream as ``bptt`` takes it, time-first; or a source.
        mask: (T, B); 0 where x may hold unusable values, as NaN; y there is the output for zeros.
        last: True for y (B, ...), the output at the last step of each sequence: with a mask the
            last step of weight above 0. By default as the targets of the source are placed, else
            False.
        training: True for layers in training mode, as for Monte-Carlo dropout.
        seed: seed of dropout masks in training mode.
        progress: True for a progress bar; by default as ``bptt``: it appears if a run takes long.

    Returns:
        For an array (y, state): y (T, B, ...), and the state after the last step. For a source, as
        ``Sequences``, or an iterable of batches, y alone, batch-first and in the order of the data,
        shuffled or not: (N, T, ...) for sequences, (N, ...) for ``Examples`` and with ``last``,
        (S, ...) for the stream of ``Windows``, less the steps that they leave out, and a list of
        these for recordings.

    Packed weights and a workspace are kept for the next call with an array of this shape, until a
    run of a different kind or ``rnnbp.release_memory()``.

    Raises as ``bptt`` does.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dropout(0.5), rb.Dense(4, 2))
    >>> x = np.zeros((7, 5, 3), "float32")
    >>> rb.predict(model, x)[0].shape, rb.predict(model, x, last=True)[0].shape
    ((7, 5, 2), (5, 2))
    >>> data = rb.Sequences(x, None, batch_size=2)
    >>> rb.predict(model, data).shape, rb.predict(model, data, last=True).shape
    ((7, 5, 2), (7, 2))
    """
    how: dict[str, Any] = {"chunk": chunk, "training": training, "seed": seed}
    how["progress"] = optional_flag("predict: progress", progress)
    if not isinstance(x, np.ndarray) and is_source(x := _looked_at(model, x)):
        _refuse("predict", {"state": state, "mask": mask})
        return predict_source("predict", model, x, last, **how)
    last = False if last is None else last
    found: tuple[Array, States] = predict_array(model, x, state=state, mask=mask, last=last, **how)
    _warn_of_axes(model, x, state)
    return found


def _warn_of_axes(model: Any, x: Any, state: Any) -> None:
    """Warn of an x that a model has run, and that is likely to be batch-first."""
    shape = getattr(x, "shape", ())
    warn_if_one_step(model, shape, state)
    if not isinstance(x, np.ndarray) or not is_known(x):  # which has been said
        warn_if_batch_first(model, shape, state)


def _looked_at(model: Any, x: Any) -> Any:
    """x; a generator of batches as a source, any other iterator as a stream with nothing consumed.

    Raises TypeError for a pair of x and target.
    """
    if isinstance(x, tuple) and holds_arrays(x):
        as_model(model)  # which says what to do with several inputs
        axes = [len(getattr(part, "shape", ())) for part in x]
        if (
            len(x) in (2, 3)
            and axes[0] >= AXES
            and len({getattr(part, "shape", ()) for part in x}) > 1
        ):
            raise TypeError(
                f"predict: x is a tuple of {len(x)} arrays of several shapes; give x alone, or "
                f"batches as [(x, target), ...]"
            )
    if not hasattr(x, "__next__") or isinstance(x, Source):
        return x
    first = [*islice(x, 1)]
    whole = chain(first, x)
    return Batches(whole) if first and isinstance(first[0], (tuple, Batch)) else whole


def is_source(x: object) -> bool:
    """True if x is a source, or an iterable of batches that can be iterated again; others are
    arrays or streams.
    """
    if isinstance(x, Source):
        return not isinstance(x, type)
    if isinstance(x, (list, tuple)):
        return bool(x) and not holds_arrays(x) and _is_item(x[0])
    return (iterable(x) and not hasattr(x, "__next__")) or is_function(x)


def _is_item(item: object) -> bool:
    """True if an item of a list is a batch: x with its axes for steps and sequences, maybe target
    and mask.
    """
    if isinstance(item, (tuple, list)):
        return bool(item) and len(getattr(item[0], "shape", ())) >= AXES
    return True


def _refuse(name: str, options: dict[str, Any]) -> None:
    """Raise TypeError for options that a source excludes."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise TypeError(
            f"{name}: {', '.join(given)} cannot be given with a source, whose batches have their "
            "own"
        )
