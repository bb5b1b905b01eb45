"""Optimizers by name, as ``fit`` and ``Trainer`` take them, with their options."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from rnnbp.inputs.given import ModelLike
from rnnbp.losses import Loss
from rnnbp.numerics import shown
from rnnbp.optim import Optimizer
from rnnbp.optim.named import OPTIMIZERS, optimizer_named, rule_named
from rnnbp.wording.of_torch import instead_of_torch


def optimizer_of(what: str, model: ModelLike, given: Optimizer | str) -> Optimizer:
    """An optimiser as it is; for a name, one of all parameters with its default options.

    Raises TypeError for a loss in its place.
    """
    if isinstance(given, Loss):
        raise TypeError(
            f"{what}: optimizer is {given}, which is a loss; the order is Trainer(model, "
            "optimizer, loss)"
        )
    if not isinstance(given, str):
        return given
    return optimizer_named(what, given, model)


def no_optimizer(given: object) -> TypeError:
    """The error of what is no optimiser of this library."""
    found = instead_of_torch(given) or f"{shown(given)}; as Adam(model)"
    return TypeError(f"Trainer: optimizer must be of rnnbp.optim, found {found}")


def built_for_fit(
    model: ModelLike,
    given: Optimizer | str,
    lr: float | None,
    options: dict[str, Any],  # of many types, which the optimizer checks
) -> Optimizer:
    """The optimizer of ``fit``; its options are taken out of ``options``.

    Raises TypeError for what is no optimizer, and for options that it does not have; ValueError for
    an ``lr`` without a name.
    """
    if isinstance(given, str):
        rule = rule_named("fit", given)
        own = {name: options.pop(name) for name in _options(rule) if name in options}
        if lr is not None:
            own["learning_rate"] = lr
        _refuse(options, f"fit: {rule.__name__} has no", f"it has {', '.join(_options(rule))}")
        return rule(model, **own)
    if lr is not None:
        raise ValueError(
            "fit: lr goes with the name of an optimizer; give learning_rate, which goes with any"
        )
    if not isinstance(optimizer_of("Trainer", model, given), Optimizer):
        raise no_optimizer(given)
    kind = type(given).__name__
    has = _options(type(given))
    for name in options:
        if name in has:
            place = f"{kind}(model, {name}=...)"
            raise TypeError(f"fit: {name} belongs to {place}, since the optimizer is built already")
    _refuse(options, f"fit: {kind} has no", f"it has {', '.join(has)}, and is built already")
    return given


def _options(rule: type[Optimizer]) -> list[str]:
    """Arguments of an optimiser other than the model and the learning rate."""
    return [
        name
        for name in inspect.signature(rule).parameters
        if name not in ("params", "learning_rate")
    ]


def _refuse(options: Mapping[str, object], what: str, cure: str) -> None:
    """Raise TypeError for an option that belongs to an optimiser."""
    for name in options:
        if any(name in _options(rule) for rule in OPTIMIZERS.values()):
            raise TypeError(f"{what} {name}; {cure}")
