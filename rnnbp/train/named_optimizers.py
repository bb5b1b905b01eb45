"""Optimizers by name, as ``fit`` and ``Trainer`` take them."""

from __future__ import annotations

from rnnbp.inputs.given import ModelLike
from rnnbp.losses import Loss
from rnnbp.numerics import shown
from rnnbp.optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSProp
from rnnbp.support.nearest import hint

OPTIMIZERS: dict[str, type[Optimizer]] = {
    rule.kind: rule for rule in (SGD, Adagrad, RMSProp, Adam, AdamW)
}


def rule_named(what: str, name: str) -> type[Optimizer]:
    """The optimizer of a name. Raises ValueError for an unknown one; ``what`` is the caller."""
    if name not in OPTIMIZERS:
        known = ", ".join(map(repr, OPTIMIZERS))
        raise ValueError(
            f"{what}: optimizer is one of {known}, found {shown(name)}{hint(name, OPTIMIZERS)}"
        )
    return OPTIMIZERS[name]


def optimizer_of(what: str, model: ModelLike, given: Optimizer | str) -> Optimizer:
    """An optimiser as it is, or for a name one of all the model's parameters, with its default
    options.

    Raises TypeError for a loss in its place.
    """
    if isinstance(given, Loss):
        raise TypeError(
            f"{what}: optimizer is {given}, which is a loss; the order is Trainer(model, "
            "optimizer, loss)"
        )
    return rule_named(what, given)(model) if isinstance(given, str) else given  # type: ignore[call-arg]
