"""The losses of a network's outputs before there is any data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from rnnbp.bptt.networks import LossesLike
from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike
from rnnbp.losses import CrossEntropy, Loss
from rnnbp.losses.as_loss import as_loss
from rnnbp.losses.in_rows import InRows
from rnnbp.numerics import Dtype
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.given_losses import losses_by_output, naming, unweighted
from rnnbp.sweeps.output_losses import Output, Read

CLASS = 8
"""Bytes of a target that is the number of a class."""


def with_losses(
    graph: Graph, outputs: Sequence[Output], loss: LossesLike, dtype: Dtype
) -> list[Output]:
    """The outputs with their losses, without data: no masks, and targets of the model's dtype.

    Args:
        loss: as of ``bptt``; None for a guess of what those of all outputs need.

    Raises as ``losses_by_output`` does, and for what is no loss.
    """
    if loss is None:
        return [_guessed(output, dtype) for output in outputs]
    form, found = OutputForm.of_graph(graph), list[Output]()
    for output, own in zip(outputs, losses_by_output(form, loss), strict=True):
        with naming(form, output.number):
            found.append(output if own is None else _with_loss(output, own, dtype))
    return found


def _guessed(output: Output, dtype: Dtype) -> Output:
    size = math.prod(output.shape) * dtype.itemsize
    needs = Loss.spare * size
    return replace(output, trained=True, needs=needs, needs_whole=needs)


def _with_loss(output: Output, given: LossLike, dtype: Dtype) -> Output:
    """One output with its loss, whose rows have weight 0 past their ends."""
    factor, own = unweighted("loss", given)
    loss, masked = as_loss(own), output.lengths.short
    if isinstance(loss, InRows) and loss.takes_rows(None, output.shape, dtype):
        return output.with_loss(loss, factor, dtype.itemsize, Read(in_rows=True))
    gathered = output.lengths.order is not None or output.lengths.ragged
    classes = isinstance(loss, CrossEntropy)
    rows = math.prod(output.shape[:-1])
    target = rows * CLASS if classes else math.prod(output.shape) * dtype.itemsize
    copied = target * (classes or gathered)
    read = Read(masked, masked or classes, copied + masked)
    return output.with_loss(loss, factor, dtype.itemsize, read, Read(False, classes, copied))
