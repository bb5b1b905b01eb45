"""A model run forward only, chunk by chunk; and gradients of a model without time."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.bptt.all_steps import new_outputs
from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.engine import bptt
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.compensated import Total
from rnnbp.graph.model_split import lasting, recurrents
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import ModelLike, SeriesLike, StateLike
from rnnbp.inputs.objective import LossLike, Objective, Seen
from rnnbp.inputs.padding import lost_rows
from rnnbp.inputs.problem import Problem, as_model, pose
from rnnbp.inputs.states import States
from rnnbp.losses import Loss
from rnnbp.losses.base import NoLoss
from rnnbp.losses.function import FunctionLoss
from rnnbp.memory_pool import Reuse, reuse
from rnnbp.numerics import Array, ShapeError, flag, optional_flag
from rnnbp.planning.possible import check_outputs_possible
from rnnbp.rng import check_seed
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.storage import PathLike
from rnnbp.support import bars
from rnnbp.support.ieee import ieee
from rnnbp.support.prepared import prepared
from rnnbp.wording.arguments import takes

OPTIONS = tuple(inspect.signature(bptt).parameters)
"""The arguments of ``bptt``."""


@takes()
def _bar(
    name: str, progress: bool | None, total: int | None
) -> AbstractContextManager[bars.LateBar | None]:
    """A bar of steps."""
    return bars.late(progress, total, desc=name, unit=" steps", unit_scale=True, dynamic_ncols=True)


@by_numpy_where_refused
@ieee
def predict(
    model: ModelLike,
    x: SeriesLike,
    *,
    state: StateLike = None,
    chunk: int | None = None,
    mask: SeriesLike = None,
    last: bool = False,
    training: bool = False,
    seed: int = 0,
    progress: bool | None = None,
) -> tuple[Array, States]:
    """(y, state): the model's output (T, B, ...) in evaluation mode, and the state after the last
    step.

    Arguments as those of ``bptt``, errors too. A mask (T, B) says where x may hold what cannot be
    used, as NaN; the output there is that of zeros.

    Args:
        last: True for y (B, ...), that of the last step of each sequence: the last one of weight
            above 0 where there is a mask. Memory holds the outputs of a chunk at a time.
        training: True for layers in training mode, as for Monte-Carlo dropout.
        seed: of dropout masks in training mode: another one draws others.
        progress: as of ``bptt``.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dropout(0.5), rb.Dense(4, 2))
    >>> x = np.zeros((7, 5, 3), "float32")
    >>> rb.predict(model, x)[0].shape, rb.predict(model, x, last=True)[0].shape
    ((7, 5, 2), (5, 2))
    >>> np.stack([rb.predict(model, x, training=True, seed=k)[0] for k in range(10)]).std(axis=0).shape
    (7, 5, 2)
    """
    if not flag("last", last):
        check_outputs_possible(x)
    mask = None if mask is None else as_array("mask", mask, axes="(T, B)")
    training, seed = flag("training", training), check_seed(seed)
    problem = pose(
        as_model(model), x, chunk=chunk, state=state, backend=None, mask=mask, training=training
    )
    if not problem.known and not last:
        raise TypeError(
            "predict returns the outputs of all steps, and x is a stream; give its pieces one by "
            "one, with state=, or last=True for the last one"
        )
    if mask is not None:
        zeros = np.broadcast_to(np.zeros(1, problem.dtype), (problem.steps, problem.batch))
        Objective(problem, NoLoss(), zeros, mask)  # which checks the mask
    with closing(problem.x):
        total = problem.steps if problem.known else None
        with _bar("predict", optional_flag("progress", progress), total) as bar:
            return _outputs(problem, seed, mask, last=last, bar=bar)


def _outputs(
    problem: Problem, seed: int, mask: Array | None, *, last: bool, bar: bars.LateBar | None
) -> tuple[Array, States]:
    """(y, state) of a model, or of each sequence its ``last`` output."""
    memory, chunks = _prepared(problem, seed)
    steps = (problem.batch,) if last else (problem.steps, problem.batch)
    y, present = np.empty((*steps, *problem.output_shape), problem.dtype), problem.state
    at = last_steps(mask) if last and mask is not None else None
    for n in problem.numbers():
        present, found = chunks.outputs(n, present)
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
    memory.end(chunks.rest(), prepared(lasting(problem.model)))
    return y, present


def last_steps(mask: Array) -> Array:
    """(B,) the last step of each sequence that has weight in a mask (T, B). Raises ValueError where
    there is none.
    """
    some = mask > 0
    if not some.any(axis=0).all():
        row = int(np.argmin(some.any(axis=0)))
        raise ValueError(f"sequence {row} has no last step, its mask is all 0; leave it out")
    found: Array = len(mask) - 1 - np.argmax(some[::-1], axis=0)
    return found


def _prepared(problem: Problem, seed: int = 0) -> tuple[Reuse, Chunks]:
    """What the last run has left, if it was of this kind, with weights as they are now; else new."""
    memory = reuse(("forward", problem.kind) if problem.known else None)
    found: Chunks | None = memory.kit(prepared(lasting(problem.model)))
    if found is None:
        return memory, Chunks(problem, seed=seed, training=problem.training)
    found.begin(problem, seed=seed, training=problem.training)
    found.renew()
    return memory, found


@takes()
def evaluate(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossLike,
    *,
    state: StateLike = None,
    mask: SeriesLike = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    progress: bool | None = None,
) -> tuple[float, States]:
    """(loss, state): the loss in evaluation mode, without outputs for more than a chunk at a time.

    Arguments as those of ``bptt``, errors too.
    """
    given: Any = {"state": state, "mask": mask, "chunk": chunk, "steps": steps, "folder": folder}
    return evaluated(model, x, target, loss, **given, progress=optional_flag("progress", progress))[
        :2
    ]


@by_numpy_where_refused
@ieee
def evaluated(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossLike,
    *,
    state: StateLike = None,
    mask: SeriesLike = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    seen: Seen | None = None,
    progress: bool | None = False,
) -> tuple[float, States, tuple[int, ...]]:
    """What ``evaluate`` returns, and the rows whose state is lost, as ``Gradients`` has them.

    ``seen`` is called with y, target and mask of each chunk.
    """
    given: Any = {"chunk": chunk, "state": state, "steps": steps, "folder": folder, "mask": mask}
    problem = pose(as_model(model), x, **given, backend=None, training=False)
    total = problem.steps if problem.known else None
    with (
        closing(Objective(problem, loss, target, mask, folder)) as objective,
        _bar("evaluate", progress, total) as bar,
    ):
        memory, chunks = _prepared(problem)
        losses = ChunkLosses(objective, problem)
        for n in problem.numbers():
            if losses.prepare(n):
                objective.finish()
        value, present = _evaluate(chunks, losses, seen, bar)
        objective.end()
        memory.end(chunks.rest(), prepared(lasting(problem.model)))
    return value, present, lost_rows(problem.x) if problem.state else ()


def _evaluate(
    chunks: Chunks, losses: ChunkLosses, seen: Seen | None, bar: bars.LateBar | None
) -> tuple[float, States]:
    """(loss, state) of a problem whose targets have been checked."""
    problem, value, present = losses.problem, Total(), losses.problem.state
    whole = new_outputs(problem) if losses.loss.whole else None
    for n in problem.numbers():
        present, y = chunks.outputs(n, present)
        if seen is not None:
            seen(y, *losses.data(n))
        if whole is None:
            value.add(float(losses.value(y, n)))
        else:
            whole[problem.span(n)] = y
        if bar is not None:
            bar.update(len(y))
    if whole is not None:
        value.add(float(losses.value_of_all(whole)))
    return float(value.value), present


@takes(*OPTIONS)
def backprop(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossLike,
    *,
    mask: SeriesLike = None,
    **options: Any,  # those of bptt, whose names are checked
) -> Gradients:
    """Loss and gradients of a model without Recurrents on a mini-batch, x (B, ...): ``bptt`` of one
    step.

    Args:
        model, x, target, loss, mask: as ``bptt`` takes them, without the time axis.
        options: others of ``bptt``, by name.

    Returns:
        The ``Gradients`` of ``bptt``, without the time axis, in errors too.

    >>> import numpy as np, rnnbp as rb
    >>> result = rb.backprop(rb.Dense(3, 2), np.ones((4, 3), "float32"), np.zeros(4, int), rb.losses.CrossEntropy())
    >>> sorted(result.grads), result.dx.shape
    (['bias', 'weight'], (4, 3))
    """
    if found := recurrents(as_model(model)):
        raise ShapeError(
            f"backprop is for models without time, found {found[0].block}; use bptt with x (T, B, "
            "...)"
        )
    x = as_array("x", x, kinds=REAL + "c", axes="(B, ...)")
    if x.shape == stated_shape(as_model(model)):
        raise ShapeError(
            f"x has shape {x.shape}, that of one example: axis 0, the batch, is missing; give "
            "x[None]"
        )
    step = [
        x[None],
        *(_one_step(name, a, len(x)) for name, a in (("target", target), ("mask", mask))),
    ]
    result = bptt(model, step[0], step[1], _without_time(loss), mask=step[2], **options)
    return replace(
        result,
        dx=None if result.dx is None else result.dx[0],
        y=None if result.y is None else result.y[0],
    )


def _one_step(name: str, given: Any, batch: int) -> Array | None:
    """A target or mask (B, ...) with a time axis. Raises ShapeError for another batch."""
    if given is None:
        return None
    array = plain(name, given)
    if array.shape[:1] != (batch,):
        raise ShapeError(
            f"{name} axis 0, the batch, must have size {batch} as in x, found shape {array.shape}; "
            f"give one {'weight' if name == 'mask' else 'target'} for each example"
        )
    return array[None]


def _without_time(loss: LossLike) -> LossLike:
    """A user's function sees arrays without the time axis; a Loss does not mind it."""
    return (
        loss
        if isinstance(loss, Loss | type) or not callable(loss)
        else FunctionLoss(loss, time=False)
    )
