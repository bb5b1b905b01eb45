"""The loss, target and mask of each output, as they are passed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace

import numpy as np

from rnnbp.bptt.networks import Data, LossesLike
from rnnbp.checks.arrays import as_array
from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import SeriesLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.objective import LossLike, Objective, Observed
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, series
from rnnbp.losses import Loss
from rnnbp.losses.base import Weighted
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.penalised import Penalised
from rnnbp.numerics import Array, Dtype, ShapeError, real_number
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.output_losses import Output, Read, frame
from rnnbp.sweeps.row_losses import ValidMask, in_rows


def unweighted(name: str, given: LossLike) -> tuple[float, LossLike]:
    """(factor, loss) of a loss, ``0.5 * loss`` or ``(0.5, loss)``."""
    factor = 1.0
    if isinstance(given, tuple):
        if len(given) != 2:
            raise TypeError(
                f"{name} is a tuple of {len(given)}; give the loss, or (weight, loss) as (0.5, "
                "CrossEntropy())"
            )
        if isinstance(given[1], int | float):
            raise TypeError(
                f"{name} is a tuple that ends in {given[1]}; the weight comes first, (weight, loss)"
            )
        factor, given = real_number(f"{name}: weight", given[0], least=0), given[1]
    if isinstance(given, Penalised) and isinstance(given.loss, Weighted):
        return factor * given.loss.factor, Penalised(given.loss.loss, given.penalties)
    if isinstance(given, Weighted):
        return factor * given.factor, given.loss
    return factor, given


@contextmanager
def naming(form: OutputForm, k: int) -> Iterator[None]:
    """Errors of what belongs to one of several outputs say to which."""
    try:
        yield
    except (TypeError, ValueError, IndexError) as error:
        if len(form) > 1 or form.names[k]:
            error.args = (f"output {form.key(k)!r}: {error}", *error.args[1:])
        raise


def with_objectives(
    graph: Graph,
    outputs: list[Output],
    data: Data,
    dtype: Dtype,
) -> list[Output]:
    """The outputs with their losses, targets and masks, as they are passed to ``bptt``.

    Raises as ``Objective`` does, and for a loss, target or mask that fits no output.
    """
    form = OutputForm.of_graph(graph)
    losses = losses_by_output(form, data.loss)
    targets = form.parts("target", data.target, each=False)
    masks = form.parts("mask", data.mask, each=False)
    found = []
    for output, own, *given in zip(outputs, losses, targets, masks, strict=True):
        if own is None:
            found.append(output)
            continue
        with naming(form, output.number):
            found.append(_with_objective(graph, output, own, given, dtype))
    return found


def losses_by_output(form: OutputForm, loss: LossesLike) -> list[LossLike]:
    """The loss of each output, None for one that is not trained.

    Raises TypeError, ShapeError or ValueError for losses that do not fit the outputs.
    """
    pair = len(form) > 1 and isinstance(loss, tuple) and isinstance(loss[0], int | float)
    if pair:
        raise TypeError(
            f"loss is one for all outputs, and the model has {len(form)}, {form.listed}; give a "
            "tuple with one for each, in that order, or a dict by name, None for an output that is "
            "not trained"
        )
    alone = len(form) == 1 and not isinstance(loss, dict)
    losses = [loss] if alone else form.parts("loss", loss, each=True)
    if all(each is None for each in losses):
        raise TypeError("loss is None for all outputs; give one for those that are trained")
    return losses


def _with_objective(
    graph: Graph, output: Output, loss: LossLike, data: Sequence[SeriesLike], dtype: Dtype
) -> Output:
    """One output with its loss; ``data``: target and mask."""
    factor, own = unweighted("loss", loss)
    given = [
        _one_step(name, _held(name, each), output.lengths.batch)
        if output.static
        else _held(name, each)
        for name, each in zip(("target", "mask"), data, strict=True)
    ]
    target, mask = given
    lengths = output.lengths
    if lengths.axis and target is not None:
        _check_steps(lengths, target)
    if lengths.short:
        known = None if mask is None else series("mask", mask)
        if known is not None and (known.steps, *known.shape[:1]) != (lengths.steps, lengths.batch):
            lengths = Lengths("", known.steps, lengths.of_rows)  # the objective refuses it
        assert known is None or isinstance(known, Held)
        mask = ValidMask(lengths, known)
    alone = copy(graph)
    alone.outputs = (output.value,)
    x = frame(output.lengths.steps, output.lengths.batch)
    size = max(1, output.lengths.steps)
    problem = Problem(alone, x, dtype, size, (), (), output.shape)
    loss = own.loss if isinstance(own, Observed) else own
    loss = _of_static(output, loss, target) if output.static else loss
    given_loss = Observed(loss, own.see) if isinstance(own, Observed) else loss
    objective = Objective(problem, given_loss, target, mask)
    return replace(_sized(output, objective, factor, dtype), objective=objective)


def _check_steps(lengths: Lengths, target: SeriesLike) -> None:
    """Raise ShapeError for a target of other steps than its axis has."""
    found = series("target", target)
    if found.steps != lengths.steps:
        swapped = (found.steps, *found.shape[:1]) == (lengths.batch, lengths.steps)
        cure = (
            "its first two axes are swapped: give target.swapaxes(0, 1)"
            if swapped
            else (f"give a target for each step of what is passed along axis {lengths.axis!r}")
        )
        raise ShapeError(
            f"target axis 0 must have size {lengths.steps}, the steps of axis {lengths.axis!r}, "
            f"found {found.steps} in shape {(found.steps, *found.shape)}; {cure}"
        )


def _sized(output: Output, objective: Objective, factor: float, dtype: Dtype) -> Output:
    """The output with what its loss takes."""
    mask, loss, item = objective.mask, objective.loss, dtype.itemsize
    if in_rows(objective):
        return output.with_loss(loss, factor, item, Read(in_rows=True))
    read = _read(output, objective.target, mask, dtype)
    padding = isinstance(mask, ValidMask) and mask.mask is None
    whole = _read(output, objective.target, None, dtype) if padding else None
    found = output.with_loss(loss, factor, item, read, whole)
    seen = objective.observed * math.prod(output.shape) * item
    return replace(found, needs=max(found.needs, seen), needs_whole=max(found.needs_whole, seen))


def _read(output: Output, target: Series | None, mask: Series | None, dtype: Dtype) -> Read:
    """What is read of chunks, of a target and a mask."""
    masked, given = mask is not None, target if mask is None else mask
    spread = masked and len(output.shape) > 1
    recast = spread or (given is not None and given.dtype != dtype)
    gathered = output.lengths.order is not None or output.lengths.ragged
    copied = [part for part in (target, mask) if part is not None and (gathered or part.fresh)]
    size = sum(part.dtype.itemsize * math.prod(part.shape[1:]) for part in copied)
    return Read(masked, recast, size)


def _held(name: str, given: SeriesLike) -> SeriesLike:
    """A target or mask. Raises TypeError for a stream."""
    if is_stream(given):
        raise TypeError(
            f"{name} is a stream, and a network over time reads it from both ends; give an array, "
            "or a memory map"
        )
    return given


def _one_step(name: str, given: SeriesLike, batch: int) -> Array | None:
    """A target or mask (B, ...) of a static output with an axis of one step."""
    if given is None:
        return None
    array = as_array(name, given, axes="(B, ...)")
    if array.shape[:1] != (batch,):
        raise ShapeError(
            f"{name} axis 0, the batch, must have size {batch} as in x, found shape {array.shape}; "
            "the output is static: give one for each sequence"
        )
    return array[None]


def _of_static(output: Output, loss: LossLike, target: SeriesLike) -> LossLike:
    """The loss of a static output. Raises ShapeError for a target (1, B, ...) that does not fit."""
    if isinstance(loss, Loss) and isinstance(target, np.ndarray):
        loss.check_target(target.shape[1:], (output.lengths.batch, *output.shape))
    return _without_time(loss)


def _without_time(loss: LossLike) -> LossLike:
    """A user's function sees arrays without the axis of steps; a Loss does not mind it."""
    if isinstance(loss, Penalised):
        return Penalised(_without_time(loss.loss), loss.penalties)
    plain = isinstance(loss, Loss | type) or not callable(loss)
    return loss if plain else FunctionLoss(loss, time=False)
