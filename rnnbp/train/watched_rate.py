"""The optimiser's own learning rate, watched while a rule of the Trainer decides."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from rnnbp.numerics import shown
from rnnbp.optim import Optimizer
from rnnbp.support.callers import outside
from rnnbp.train.options import Options, Rate


@dataclass
class WatchedRate:
    """The optimiser's rate as it was when it was last looked at."""

    seen: Rate = None

    def note(self, optimizer: Optimizer) -> None:
        """Take note of the present rate."""
        self.seen = optimizer.learning_rate

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
