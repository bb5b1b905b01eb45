"""Errors of an update that is not finite: of the loss, gradients, states and parameters."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from itertools import starmap

from rnnbp.bptt.networks import LossesLike
from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.states import States
from rnnbp.ledger import arrays_in
from rnnbp.losses import Loss
from rnnbp.losses.as_loss import as_loss
from rnnbp.losses.own import Own
from rnnbp.losses.penalised import data_loss
from rnnbp.losses.returned import silent, target_not_finite
from rnnbp.numerics import Array, first_bad
from rnnbp.optim.extents import Extent, extents
from rnnbp.support.callers import outside
from rnnbp.train.source import Batch

LEAVES_OUT = ", which on_nonfinite='skip' leaves out"
LOWER = (
    "lower the learning rate, clip gradients by clip_norm, or look at the data of this step"
    f"{LEAVES_OUT}"
)
"""What to do about numbers that are not finite."""


class DivergedError(FloatingPointError):
    """A parameter is not finite after an update: the one numerical error that changes something."""


def bad_target(batch: Batch) -> str:
    """Where the target of a batch is not finite; "" if nowhere, or it is a stream."""
    return next(filter(None, starmap(_bad, _pairs(batch.target, batch.mask))), "")


def silent_target(batch: Batch) -> str:
    """What to do if the target of a batch is 0 wherever it counts; "" if not, or for a stream."""
    found = (silent(*_arrays(*pair)) for pair in _pairs(batch.target, batch.mask))
    return next(filter(None, found), "")


def _pairs(target: object, mask: object) -> list[tuple[object, object]]:
    """(target, mask) of each output."""
    if isinstance(target, dict):
        masks = mask if isinstance(mask, dict) else {}
        return [(each, masks.get(key)) for key, each in target.items()]
    if isinstance(target, tuple | list):
        weights = mask if isinstance(mask, tuple | list) else [None] * len(target)
        return [*zip(target, weights, strict=False)]
    return [(target, mask)]


def _bad(target: object, mask: object) -> str:
    """``bad_target`` of a target and a mask."""
    return target_not_finite(*_arrays(target, mask))


def _arrays(target: object, mask: object) -> tuple[Array | None, Array | None]:
    """Both as arrays; None for what is none, or a stream."""
    target, mask = (
        None if a is None or is_stream(a) else plain("batch", a) for a in (target, mask)
    )
    return target, mask


def warn_of_target(what: str, value: float, loss: LossesLike, target: object, mask: object) -> None:
    """Warn of a loss that is not finite, if it is so because a target that counts is not."""
    if math.isfinite(value):
        return
    if why := next(filter(None, starmap(_bad, _pairs(target, mask))), ""):
        own = loss.unknown if isinstance(loss, Own) else ""
        text = f"{what}: the loss is {value}: {why}{own}"
        warnings.warn(text, UserWarning, stacklevel=outside())


def loss_not_finite(
    place: str, value: float, losses: Sequence[LossLike], batch: Batch, gradients: list[Array]
) -> FloatingPointError:
    """The error of a loss that is not finite, with what is wrong with the target or function."""
    what = f"{place} the loss is {value}"
    if why := bad_target(batch):
        return FloatingPointError(f"{what}: {why}")
    for loss in map(data_loss, losses):
        own = not isinstance(loss, Loss) or isinstance(loss, Own) or not loss.ours
        if own and all(first_bad(g) is None for g in gradients):
            return FloatingPointError(
                f"{what}, and all gradients are finite: look at how {as_loss(loss)} computes its "
                f"value, as a logarithm or a quotient of 0"
            )
    return FloatingPointError(f"{what}; {LOWER}")


def check_finite(
    when: str, arrays: Mapping[str, Array], error: type[FloatingPointError] = FloatingPointError
) -> list[Extent]:
    """The extents of the arrays, all of which must be finite. Raises ``error``."""
    found = extents([*arrays.values()])
    for (what, array), extent in zip(arrays.items(), found, strict=True):
        if math.isnan(extent.largest):
            bad = first_bad(array) or ()
            raise not_finite(when, what, array[bad], bad, error)
    return found


def not_finite(
    when: str,
    what: str,
    value: float,
    at: tuple[int, ...],
    error: type[FloatingPointError] = FloatingPointError,
) -> FloatingPointError:
    """The error of an array that has a value which is not finite."""
    return error(f"{when} {what} is {value}{f' at {list(at)}' if at else ''}; {LOWER}")


def named_states(state: States) -> dict[str, Array]:
    """The arrays of a state as errors name them."""
    return {f"the state {k}": array for k, array in enumerate(arrays_in(state))}
