"""A loss or a function as a Loss, and the memory that it takes."""

from __future__ import annotations

from rnnbp.losses.base import Loss, Weighted
from rnnbp.losses.function import FunctionLoss
from rnnbp.losses.in_rounds import InRounds
from rnnbp.losses.named import meant
from rnnbp.losses.own import LossFunction
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import Dtype, shown
from rnnbp.wording.other_losses import built, instead_of


def as_loss(loss: Loss | LossFunction) -> Loss:
    """A function as a Loss; of one with penalties on parameters the loss of the data."""
    loss = data_loss(loss)
    if isinstance(loss, Loss):
        return loss
    check_loss(loss)
    return FunctionLoss(loss)


def needs_of(
    loss: Loss | LossFunction | None,
    dtype: Dtype,
    *,
    masked: bool = False,
    recast: bool = False,
) -> tuple[float, int]:
    """Temporary arrays of a loss, as ``Loss.needs``; two of the output's size for a function.

    A function may declare a different number in an attribute ``spare``. Raises TypeError or
    ValueError unless that is a number of arrays.
    """
    if loss is None:
        return Loss.spare, 0
    return as_loss(loss).needs(dtype.itemsize, masked=masked, recast=recast)


def row_bytes_in_rounds(loss: Loss | None, item: int) -> int | None:
    """As ``InRounds.row_bytes``; None where Python has to be between chunks that go backward."""
    while isinstance(loss, Weighted):
        loss = loss.loss
    if loss is None:
        return 0
    return loss.row_bytes(item) if isinstance(loss, InRounds) and loss.rounds else None


def check_loss(loss: object) -> None:
    """Raise TypeError for anything but a Loss or a function, and for a loss of another library."""
    loss = data_loss(loss)
    other = "" if isinstance(loss, Loss) else instead_of(loss)
    if isinstance(loss, type) or not callable(loss) or other:
        raise TypeError(
            f"loss must be a Loss or a function (y, target) -> (value, dy), found {shown(loss)}; "
            f"{other or _cure(loss)}"
        )


def _cure(loss: object) -> str:
    if hasattr(loss, "shape"):
        return "the order is (model, x, target, loss)"
    return f"build it first, as {built(meant(loss))}"
