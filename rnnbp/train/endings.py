"""What is done when a call of ``fit`` has ended: warnings, and the best parameters in the model."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass

from rnnbp.numerics import Array
from rnnbp.storage import JSON
from rnnbp.support.callers import outside
from rnnbp.train.assigning import exchange
from rnnbp.train.finiteness import LEAVES_OUT
from rnnbp.train.options import Options
from rnnbp.train.standing import Standing


@dataclass
class Learned:
    """What the steps of a call of ``fit`` came to: updates, and batches that were skipped."""

    updates: int = 0
    skipped: int = 0
    why: str = ""

    def note(self, metrics: Mapping[str, JSON]) -> None:
        """Count a step by its line of metrics."""
        if "skipped" in metrics:
            self.skipped += 1
            self.why = self.why or str(metrics["nonfinite"]).replace(LEAVES_OUT, "")
        elif "weight" not in metrics:
            self.updates += 1

    def warn(self, caller: str) -> None:
        """Warn if several batches were skipped and nothing was learned from any other.

        One alone may be a call of a loop that makes a step at a time.
        """
        if self.skipped > 1 and not self.updates:
            warnings.warn(
                f"{caller}: nothing was learned, the parameters are as they were: "
                f"on_nonfinite='skip' left out {self.skipped:,} batches, and no other had "
                f"weight; of the first: {self.why}",
                RuntimeWarning,
                stacklevel=outside(),
            )


def put_best(
    caller: str, options: Options, at: Standing, params: Mapping[str, Array]
) -> dict[str, Array]:
    """Put the best parameters into the model if it is to keep them; returns the last ones."""
    if not options.keeps_best or not at.best_weights:
        return {}
    last = {name: p.copy() for name, p in params.items()}
    exchange(caller, params, last, at.best_weights)
    return last


def warn_of_none_best(caller: str, options: Options, at: Standing) -> None:
    """Warn if the best parameters are to be kept, and no figure was ever finite."""
    if options.keeps_best and at.waited and not at.best_weights:
        warnings.warn(options.monitored.none_best(caller), stacklevel=outside())
