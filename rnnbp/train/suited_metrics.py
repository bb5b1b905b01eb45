"""Metrics by name for a model of several outputs: each for the outputs that it suits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.inputs.objective import LossLike
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, Elementwise, Known, Quantile
from rnnbp.losses.base import Weighted
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import shown

Key: TypeAlias = str | int
"""The name of an output, or its number."""
OF_CLASSES = ("accuracy",)
"""Metrics of targets that are classes."""


def suited(what: str, given: object, losses: Mapping[Key, LossLike]) -> dict[Key, list[str]]:
    """Names of metrics for each output, from one for all or a list.

    "accuracy" suits outputs with ``CrossEntropy`` or ``BinaryCrossEntropy``, others suit those with
    a loss of real numbers.

    Args:
        what: the argument, for errors.
        given: a name, or a list of them.
        losses: by output, of those that have one.

    Raises TypeError for functions, ValueError for a name that suits no output, or where an output
    has a loss of the user's.
    """
    names = [given] if isinstance(given, str) else given
    example = f"as {{{next(iter(losses))!r}: [...]}}"
    if not isinstance(names, list | tuple) or not all(isinstance(each, str) for each in names):
        raise TypeError(
            f"{what}: of a model of several outputs they are names, as ['accuracy'], each for the "
            f"outputs that it suits, or a dict by output, {example}, for functions too; found "
            f"{shown(given)}"
        )
    found: dict[Key, list[str]] = {key: [] for key in losses}
    for name in names:
        fits = [key for key, loss in losses.items() if suits(name, loss)]
        own = [key for key, loss in losses.items() if suits(name, loss) is None]
        if own or not fits:
            known = {key: [name] for key in fits} or example.removeprefix("as ")
            why = (
                f"the loss of {own[0]!r} is one of your own, and may suit it or not"
                if own
                else f"it suits no output, {_listed(losses)}"
            )
            raise ValueError(f"{what}: of {name!r} {why}; give a dict by output, as {known}")
        for key in fits:
            found[key].append(name)
    return {key: each for key, each in found.items() if each}


def suits(name: str, loss: LossLike | None) -> bool | None:
    """True if a metric suits the targets of a loss, None where it is not known."""
    found = data_loss(loss)
    found = found.loss if isinstance(found, Known | Weighted) else found
    if isinstance(found, CrossEntropy | BinaryCrossEntropy):
        return name in OF_CLASSES
    if isinstance(found, Quantile) and np.size(found.q) > 1:
        return False  # its outputs are several for each target
    return name not in OF_CLASSES if isinstance(found, Elementwise) else None


def _listed(losses: Mapping[Key, LossLike]) -> str:
    return " or ".join(f"{key!r} with {data_loss(loss)}" for key, loss in losses.items())
