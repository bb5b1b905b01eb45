"""A model run forward only, chunk by chunk: its outputs."""

from __future__ import annotations

from contextlib import closing

import numpy as np

from rnnbp.bptt.forward import bar_of, prepared_chunks
from rnnbp.bptt.networks import LengthsLike, Reading, is_network, networks
from rnnbp.bptt.series_options import SeriesOptions
from rnnbp.checks.arrays import as_array
from rnnbp.graph.model_split import lasting
from rnnbp.inputs.given import InputsLike, InputsOf, ModelLike, SeriesLike, StateLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.pose import pose
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.losses.no_loss import NoLoss
from rnnbp.numerics import Array, flag, optional_flag
from rnnbp.planning.possible import check_outputs_possible
from rnnbp.rng import check_seed
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.support import late_bars
from rnnbp.support.ieee import ieee
from rnnbp.support.prepared import prepared


@by_numpy_where_refused
@ieee
def predict(
    model: ModelLike,
    x: InputsLike,
    *,
    state: StateLike = None,
    chunk: int | None = None,
    mask: SeriesLike = None,
    last: bool = False,
    training: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> tuple[InputsOf, States]:
    """(y, state): a model's outputs (T, B, ...) in evaluation mode, and the state at the end.

    Arguments as those of ``bptt``, errors too. A mask (T, B) says where x may hold what cannot be
    used, as NaN; the output there is that of zeros.

    Args:
        last: True for y (B, ...), that of the last step of each sequence: the last one of weight
            above 0 where there is a mask. Memory holds the outputs of a chunk at a time; of a stack
            of Recurrents with at most 8 rows those of several, in 2 MiB at most.
        training: True for layers in training mode, as for Monte-Carlo dropout.
        seed: of dropout masks in training mode: another one draws others.
        progress, lengths, reset: as of ``bptt``.

    Of a model of several outputs y is a tuple, or a dict by their names.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dropout(0.5), rb.Dense(4, 2))
    >>> x = np.zeros((7, 5, 3), "float32")
    >>> rb.predict(model, x)[0].shape, rb.predict(model, x, last=True)[0].shape
    ((7, 5, 2), (5, 2))
    >>> samples = [rb.predict(model, x, training=True, seed=k)[0] for k in range(10)]
    >>> np.std(samples, axis=0).shape
    (7, 5, 2)
    """
    graph, last = as_network(model), flag("last", last)
    if is_network(graph, None, lengths=lengths, reset=reset):
        reading = Reading(state, chunk, lengths, reset, seed, training)
        _refuse_mask(mask)
        return networks().outputs(graph, x, reading, last=last)
    if not last:
        check_outputs_possible(x)
    mask = None if mask is None else as_array("mask", mask, axes="(T, B)")
    training, seed = flag("training", training), check_seed(seed)
    given = SeriesOptions(chunk=chunk, state=state, steps=None, folder=None, mask=mask)
    problem = pose(graph, x, **given, backend=None, training=training)
    return _predicted(problem, seed, mask, last, progress)


def _predicted(
    problem: Problem, seed: int, mask: Array | None, last: bool, progress: bool | None
) -> tuple[Array, States]:
    """``predict`` of one sweep."""
    if not problem.known and not last:
        raise TypeError(
            "predict returns the outputs of all steps, and x is a stream; give its pieces one by "
            "one, with state=, or last=True for the last one"
        )
    if mask is not None:
        _check_mask(problem, mask)
    with closing(problem):
        total = problem.steps if problem.known else None
        with bar_of("predict", optional_flag("progress", progress), total) as bar:
            return _outputs(problem, seed, mask, last=last, bar=bar)


def _refuse_mask(mask: object) -> None:
    """Raise TypeError for a mask of what a network over time reads."""
    if mask is not None:
        raise TypeError(
            "predict: mask= says where x of a model of one direction may be unusable; of a network "
            "over time, and with lengths=, give lengths="
        )


def _check_mask(problem: Problem, mask: Array) -> None:
    """Raise as ``bptt`` does for a mask that does not fit."""
    zeros = np.broadcast_to(np.zeros(1, problem.dtype), (problem.steps, problem.batch))
    Objective(problem, NoLoss(), zeros, mask)


def _outputs(
    problem: Problem, seed: int, mask: Array | None, *, last: bool, bar: late_bars.LateBar | None
) -> tuple[Array, States]:
    """(y, state) of a model, or of each sequence its ``last`` output."""
    memory, chunks = prepared_chunks(problem, seed)
    steps = (problem.batch,) if last else (problem.steps, problem.batch)
    y = np.empty((*steps, *problem.output_shape), problem.dtype)
    at = last_steps(mask) if last and mask is not None else None
    for n, found in chunks.in_order():
        if not last:
            y[problem.span(n)] = found
        elif at is None:
            y[:] = found[-1]
        else:
            rows, start = np.arange(problem.batch), n * problem.chunk
            rows = rows[(at >= start) & (at < start + len(found))]
            y[rows] = found[at[rows] - start, rows]
        if bar is not None:
            bar.update(len(found))
    present = chunks.present
    memory.end(chunks.rest(), prepared(lasting(problem.model)))
    return y, present


def last_steps(mask: Array) -> Array:
    """(B,) the last step of each sequence with weight in a mask (T, B); ValueError for none."""
    some = mask > 0
    if not some.any(axis=0).all():
        row = int(np.argmin(some.any(axis=0)))
        raise ValueError(f"sequence {row} has no last step, its mask is all 0; leave it out")
    found: Array = len(mask) - 1 - np.argmax(some[::-1], axis=0)
    return found
