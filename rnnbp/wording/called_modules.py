"""Modules that are called as if they were functions: the error says which function is meant."""

from __future__ import annotations

from types import ModuleType
from typing import NoReturn

MEANT = {
    "compare": "the comparison is rnnbp.compare.sweep(model, x, target, loss)",
    "gradcheck": "gradients are checked by rnnbp.check_grads(model, x, target, loss)",
    "train": "training is rnnbp.fit(model, data, loss), or rnnbp.Trainer",
    "optim": "it has the optimisers, as rnnbp.optim.Adam(model)",
    "losses": "it has the losses, as rnnbp.losses.CrossEntropy()",
    "layers": "it has the layers, as rnnbp.layers.Dense(3, 4)",
    "initializers": "it has the first values of weights, as rnnbp.initializers.constant(0)",
    "schedules": "it has the schedules, as rnnbp.schedules.Revolve(slots=4)",
    "actions": "it has the actions of a schedule, as rnnbp.actions.Record(0)",
    "memory": "a block is measured by with rnnbp.memory.measure() as used: ...",
}
"""By the name of a module, what to call instead."""


class _Module(ModuleType):
    """A module whose call says what there is to call."""

    def __call__(self, *args: object, **options: object) -> NoReturn:
        """Raise TypeError."""
        name = self.__name__
        raise TypeError(f"{name} is a module; {MEANT[name.rpartition('.')[2]]}")


def refuse_calls(*modules: ModuleType) -> None:
    """Let the calls of these modules, each of which is in ``MEANT``, say what to call instead."""
    for module in modules:
        module.__class__ = _Module
