"""Optimizers by the names that ``fit``, ``Trainer`` and ``plan`` take."""

from __future__ import annotations

from rnnbp.numerics import shown
from rnnbp.optim.adagrad import Adagrad
from rnnbp.optim.adaptive import Adam, AdamW
from rnnbp.optim.base import Optimizer
from rnnbp.optim.parameters import Params
from rnnbp.optim.rmsprop import RMSProp
from rnnbp.optim.sgd import SGD
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


def optimizer_named(what: str, name: str, params: Params) -> Optimizer:
    """The optimizer of a name, of these parameters, with its default options."""
    return rule_named(what, name)(params)  # type: ignore[call-arg]  # its rate has a default
