"""Gradients of a model without time, on a mini-batch."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from rnnbp.bptt.engine import bptt
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrents
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.passed import passed
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.penalised import Penalised
from rnnbp.numerics import Array, ShapeError
from rnnbp.wording.arguments import takes

OPTIONS = tuple(inspect.signature(bptt).parameters)
"""The arguments of ``bptt``."""


@takes(*OPTIONS)
def backprop(
    model: ModelLike,
    x: InputsLike,
    target: SeriesLike,
    loss: LossLike,
    *,
    mask: SeriesLike = None,
    **options: Any,  # Any: each of bptt's own type; ``takes`` checks their names, bptt the rest
) -> Gradients:
    """Loss and gradients of a model without Recurrents on x (B, ...): ``bptt`` of one step.

    Args:
        model, x, target, loss, mask: as ``bptt`` takes them, without the time axis.
        options: others of ``bptt``, by name.

    Returns:
        The ``Gradients`` of ``bptt``, without the time axis, in errors too.

    >>> import numpy as np, rnnbp as rb
    >>> x, target = np.ones((4, 3), "float32"), np.zeros(4, int)
    >>> result = rb.backprop(rb.Dense(3, 2), x, target, rb.losses.CrossEntropy())
    >>> sorted(result.grads), result.dx.shape
    (['bias', 'weight'], (4, 3))
    """
    graph = as_model(model)
    if found := recurrents(graph):
        raise ShapeError(
            f"backprop is for models without time, found {found[0].block}; use bptt with x (T, B, "
            "...)"
        )
    values, form = passed(graph, x)
    each = [_examples(graph, k, form.label(k), part) for k, part in enumerate(values)]
    steps = [per == "step" for per in graph.pers]
    x = form.of([part[None] if step else part for part, step in zip(each, steps, strict=True)])
    batch = len(each[steps.index(True)])
    target, mask = _one_step("target", target, batch), _one_step("mask", mask, batch)
    result = bptt(model, x, target, _without_time(loss), mask=mask, **options)
    y = None if result.y is None else result.y[0]
    if result.dx is None:
        return replace(result, y=y)
    pairs = zip(form.parts(result.dx), steps, strict=True)
    dx = form.of([dx[0] if step and dx is not None else dx for dx, step in pairs])
    return replace(result, dx=dx, y=y)


def _examples(graph: Graph, k: int, label: str, given: SeriesLike) -> Array:
    """Input k as an array (B, ...). Raises ShapeError for one example."""
    x = as_array(label, given, kinds=REAL + "c", axes="(B, ...)")
    if x.shape == stated_shape(graph, k):
        raise ShapeError(
            f"{label} has shape {x.shape}, that of one example: axis 0, the batch, is missing; "
            "give x[None]"
        )
    return x


def _one_step(name: str, given: SeriesLike, batch: int) -> Array | None:
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
    if isinstance(loss, Penalised):
        return Penalised(_without_time(loss.loss), loss.penalties)
    return (
        loss
        if isinstance(loss, Loss | type) or not callable(loss)
        else FunctionLoss(loss, time=False)
    )
