"""The optimiser's own learning rate, watched while a rule of the Trainer decides."""

from __future__ import annotations

import inspect
import warnings
from dataclasses import dataclass

from rnnbp.numerics import shown
from rnnbp.optim import OnPlateau, Optimizer, WarmUp
from rnnbp.support.callers import outside
from rnnbp.support.prepared import Remembered
from rnnbp.train.history import History
from rnnbp.train.options import Options, Rate

_noted = Remembered[Optimizer, Rate](lambda optimizer: optimizer.learning_rate)
"""The rate of an optimiser as the last Trainer that had it saw it."""


@dataclass
class WatchedRate:
    """The optimiser's rate as it was when it was last looked at."""

    seen: Rate = None

    def note(self, optimizer: Optimizer) -> None:
        """Take note of the present rate."""
        self.seen = optimizer.learning_rate
        _noted.put(optimizer, self.seen)

    def warn_if_set(self, optimizer: Optimizer, options: Options) -> None:
        """Warn if the rate was set since then, although a rule decides."""
        rule, own = options.learning_rate, optimizer.learning_rate
        if rule is not None and own != self.seen:
            self.seen = own
            warnings.warn(
                f"optimizer.learning_rate was set to {shown(own)}, which changes nothing while the "
                f"Trainer's, {shown(rule)}, decides; set Trainer.learning_rate instead",
                stacklevel=outside(),
            )


def warn_of_two(optimizer: Optimizer, given: Rate) -> None:
    """Warn if an optimiser was built with a rate of its own, and ``fit`` is given another.

    One that an earlier run has seen was not meant for this one; groups have theirs by its ratio;
    and an OnPlateau has no other place.
    """
    if given is None or isinstance(given, OnPlateau) or optimizer.groups:
        return
    own = optimizer.learning_rate
    parameter = inspect.signature(type(optimizer)).parameters.get("learning_rate")
    usual = own if parameter is None else parameter.default
    if own not in (usual, given, _noted.get(optimizer)):
        warnings.warn(
            f"fit: learning_rate={shown(given)} is used in the place of the optimizer's own, "
            f"{shown(own)}; give one of the two",
            stacklevel=outside(),
        )


def warn_of_warm_up(optimizer: Optimizer, options: Options, history: History) -> None:
    """Warn if a run that has come to its end never left the warm-up of its rate."""
    own = options.learning_rate is None
    rule = optimizer.learning_rate if own else options.learning_rate
    steps = optimizer.steps if own else history.steps
    if isinstance(rule, WarmUp) and steps < rule.steps and history.reason == "finished":
        warnings.warn(
            f"fit: the run ended after {steps:,} steps, within the {rule.steps:,} of its "
            f"warm-up, so that the rate was never reached; give WarmUp fewer steps",
            stacklevel=outside(),
        )
