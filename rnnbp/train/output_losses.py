"""The losses of a run by output: one, or a dict or tuple with one for each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias, final

from rnnbp.bptt.networks import LossesLike
from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike
from rnnbp.losses.as_loss import check_loss
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.given_losses import unweighted
from rnnbp.train.averages import loss_name

Key: TypeAlias = str | int
"""The name of an output, or its number; "" for the only one."""


@final
@dataclass(frozen=True)
class OutputLoss:
    """The loss of an output.

    Attributes:
        number: among the outputs of the model.
        key: the name or number that results have for it; "" for the only loss of a model.
        loss: None if it is not trained.
        factor: its weight in the sum.
    """

    number: int
    key: Key
    loss: LossLike | None
    factor: float


def by_output(loss: LossesLike) -> bool:
    """True for losses by output: a dict, or a list or tuple that is no (weight, loss)."""
    pair = isinstance(loss, tuple) and bool(loss) and isinstance(loss[0], int | float)
    return isinstance(loss, dict) or (isinstance(loss, list | tuple) and not pair)


def each_loss(loss: LossesLike) -> list[LossLike]:
    """All losses, without their weights, in order; None of outputs that are not trained left out.

    Raises TypeError for what is no loss, ValueError for a weight below 0.
    """
    parts: Iterable[LossesLike] = [loss]
    if by_output(loss):
        parts = loss.values() if isinstance(loss, dict) else loss
    found = [unweighted("loss", part)[1] for part in parts if part is not None]
    for part in found:
        check_loss(part)
    if not found:
        raise TypeError("no output has a loss, all are None; give one for those that are trained")
    return found


def by_name(graph: Graph, loss: LossesLike) -> LossesLike:
    """Losses in order as a dict where the outputs have names, which figures have too."""
    form = OutputForm.of_graph(graph)
    if isinstance(loss, dict) or not by_output(loss) or not all(form.names):
        return loss
    return dict(zip(form.names, form.parts("loss", loss, each=True), strict=True))


def names_of_losses(loss: LossesLike) -> tuple[str, ...]:
    """What the losses of several outputs are called in a line of metrics; () of one."""
    if not by_output(loss):
        return ()
    items = loss.items() if isinstance(loss, dict) else enumerate(loss)
    return tuple([loss_name(key) for key, part in items if part is not None])


def losses_of(graph: Graph, loss: LossesLike) -> tuple[OutputLoss, ...]:
    """The loss of each output of a model. Raises as ``OutputForm.parts`` does."""
    form = OutputForm.of_graph(graph)
    if len(form) == 1 and not isinstance(loss, dict):
        factor, own = unweighted("loss", loss)
        return (OutputLoss(0, "", own, factor),)
    found = []
    for k, part in enumerate(form.parts("loss", loss, each=True)):
        if part is None:
            found.append(OutputLoss(k, form.key(k), None, 1.0))
        else:
            factor, own = unweighted("loss", part)
            found.append(OutputLoss(k, form.key(k), own, factor))
    return tuple(found)
