"""A model run forward only, chunk by chunk; and gradients of a model without time."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import numpy as np

from rnnbp.arrays import REAL, as_array, plain
from rnnbp.bptt.chunks import Chunks
from rnnbp.bptt.engine import bptt
from rnnbp.bptt.objective import LossLike, Objective
from rnnbp.bptt.parts import lasting, recurrents
from rnnbp.bptt.possible import check_outputs_possible
from rnnbp.bptt.problem import Problem, as_model, pose, stated_shape
from rnnbp.bptt.refused import by_numpy_where_refused
from rnnbp.bptt.results import Gradients, States
from rnnbp.bptt.sums import Total
from rnnbp.ieee import ieee
from rnnbp.losses import Loss
from rnnbp.losses.base import NoLoss
from rnnbp.numerics import Array, ShapeError
from rnnbp.reuse import Reuse, reuse
from rnnbp.storage import PathLike


@by_numpy_where_refused
@ieee
def predict(
    model: Any, x: Any, *, state: Any = None, chunk: int | None = None, mask: Any = None
) -> tuple[Array, States]:
    """(y, state): the model's output (T, B, ...) in evaluation mode, and the state after the last
    step.

    Arguments as those of ``bptt``, errors too. A mask (T, B) says where x may hold what cannot be
    used, as NaN; the output there is that of zeros.
    """
    check_outputs_possible(x)
    mask = None if mask is None else as_array("mask", mask, axes="(T, B)")
    problem = pose(as_model(model), x, chunk=chunk, state=state, backend=None, mask=mask)
    if not problem.known:
        raise TypeError(
            "predict gives the outputs of all steps, and x is a stream; give its pieces one by one, with state="
        )
    if mask is not None:
        zeros = np.broadcast_to(np.zeros(1, problem.dtype), (problem.steps, problem.batch))
        Objective(problem, NoLoss(), zeros, mask)  # which checks the mask
    memory, chunks = _prepared(problem)
    y, present = np.empty((problem.steps, problem.batch, *problem.output_shape), problem.dtype), problem.state
    for n in range(problem.chunks):
        present, y[problem.span(n)] = chunks.outputs(n, present)
    memory.end(chunks.rest(), lasting(problem.model))
    return y, present


def _prepared(problem: Problem) -> tuple[Reuse, Chunks]:
    """What the last run has left, if it was of this kind, with weights as they are now; else new."""
    memory = reuse(("forward", problem.kind) if problem.known else None)
    found: Chunks | None = memory.kit(lasting(problem.model))
    if found is None:
        return memory, Chunks(problem, seed=0, training=False)
    found.begin(problem, seed=0, training=False)
    found.renew()
    return memory, found


@by_numpy_where_refused
@ieee
def evaluate(
    model: Any,
    x: Any,
    target: Any,
    loss: LossLike,
    *,
    state: Any = None,
    mask: Any = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
) -> tuple[float, States]:
    """(loss, state): the loss in evaluation mode, without outputs for more than a chunk at a time.

    Arguments as those of ``bptt``, errors too.
    """
    problem = pose(as_model(model), x, chunk=chunk, state=state, backend=None, steps=steps, folder=folder, mask=mask)
    return evaluated(problem, target, loss, mask, folder)


def evaluated(
    problem: Problem, target: Any, loss: LossLike, mask: Any, folder: PathLike | None = None
) -> tuple[float, States]:
    """What ``evaluate`` returns, of a model and an x that have been checked."""
    with closing(Objective(problem, loss, target, mask, folder)) as objective:
        memory, chunks = _prepared(problem)
        value, present = Total(), problem.state
        for n in problem.numbers():
            if objective.prepare(n):
                objective.finish()
        for n in problem.numbers():
            present, y = chunks.outputs(n, present)
            value.add(float(objective.value(y, n)))
        objective.end()
        memory.end(chunks.rest(), lasting(problem.model))
    return float(value.value), present


def backprop(model: Any, x: Any, target: Any, loss: LossLike, *, mask: Any = None, **options: Any) -> Gradients:
    """Loss and gradients of a model without Recurrents on a mini-batch, x (B, ...): ``bptt`` of one step.

    Arguments as those of ``bptt``, all without the time axis, errors too.
    """
    if found := recurrents(as_model(model)):
        raise ShapeError(f"backprop is for models without time, found {found[0].block}; use bptt with x (T, B, ...)")
    x = as_array("x", x, kinds=REAL + "c", axes="(B, ...)")
    if x.shape == stated_shape(as_model(model)):
        raise ShapeError(f"x has shape {x.shape}, that of one example: axis 0, the batch, is missing; give x[None]")
    step = [x[None], *(_one_step(name, a, len(x)) for name, a in (("target", target), ("mask", mask)))]
    result = bptt(model, step[0], step[1], _without_time(loss), mask=step[2], **options)
    if result.dx is None:
        return result
    return Gradients(result.loss, result.grads, result.dx[0], result.dstate, result.state, result.stats)


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
    if isinstance(loss, Loss | type) or not callable(loss):
        return loss

    def one_step(y: Array, target: Any) -> tuple[Any, Any]:
        value, dy = loss(y[0], None if target is None else target[0])
        return value, plain("dy of the loss function", dy)[None]

    return one_step
