"""Gradients of a model without time, on a mini-batch."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

from rnnbp.bptt.engine import bptt
from rnnbp.bptt.results import Gradients
from rnnbp.checks.arrays import REAL, as_array, plain
from rnnbp.graph.model_split import recurrents
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike
from rnnbp.losses import Loss
from rnnbp.losses.function import FunctionLoss
from rnnbp.numerics import Array, ShapeError
from rnnbp.wording.arguments import takes

OPTIONS = tuple(inspect.signature(bptt).parameters)
"""The arguments of ``bptt``."""


@takes(*OPTIONS)
def backprop(
    model: ModelLike,
    x: SeriesLike,
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
    target, mask = _one_step("target", target, len(x)), _one_step("mask", mask, len(x))
    result = bptt(model, x[None], target, _without_time(loss), mask=mask, **options)
    dx, y = (None if found is None else found[0] for found in (result.dx, result.y))
    return replace(result, dx=dx, y=y)


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
    return (
        loss
        if isinstance(loss, Loss | type) or not callable(loss)
        else FunctionLoss(loss, time=False)
    )
