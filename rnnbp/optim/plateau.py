"""A learning rate that falls when a metric stands still."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from rnnbp.numerics import real_number, shown, whole_number
from rnnbp.optim.rated import renamed_rate
from rnnbp.support.ieee import ieee
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named
from rnnbp.wording.renamed import warn_renamed


@renamed_rate
@final
class OnPlateau(Named):
    """Multiplies the learning rate by ``factor`` after ``patience`` epochs without improvement.

    Call ``update`` with the metric after each epoch; a ``Trainer`` calls it with the validation
    losses.

    Args:
        learning_rate: the first rate, > 0.
        factor: in (0, 1).
        patience: epochs without an improvement that are tolerated, ≥ 0.
        threshold: an improvement is a metric below best − threshold · |best|, or for mode "max"
            above best + threshold · |best|; in [0, 1).
        cooldown: epochs after a reduction that are not counted, ≥ 0.
        floor: the rate never falls below it; in [0, learning_rate).
        mode: "min" or "max", the direction in which the metric improves.

    PyTorch's ReduceLROnPlateau, for a metric above 0. Raises ValueError for a value out of its
    range.

    >>> import rnnbp as rb
    >>> rate = rb.optim.OnPlateau(1.0, factor=0.5, patience=1)
    >>> [rate.update(loss) for loss in (3.0, 2.0, 2.0, 2.0, 1.0)]
    [1.0, 1.0, 1.0, 0.5, 0.5]
    """

    def __init__(
        self,
        learning_rate: float,
        *,
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        cooldown: int = 0,
        floor: float = 0.0,
        mode: str = "min",
    ) -> None:
        self.learning_rate = real_number("OnPlateau: learning_rate", learning_rate, above=0)
        self.factor = real_number("OnPlateau: factor", factor, above=0, below=1)
        self.patience = whole_number("OnPlateau: patience", patience, least=0)
        self.threshold = real_number("OnPlateau: threshold", threshold, least=0, below=1)
        self.cooldown = whole_number("OnPlateau: cooldown", cooldown, least=0)
        self.floor = real_number("OnPlateau: floor", floor, least=0, below=self.learning_rate)
        if not isinstance(mode, str) or mode not in ("min", "max"):
            near = hint(mode, ("min", "max"))
            raise ValueError(f"OnPlateau: mode must be 'min' or 'max', found {shown(mode)}{near}")
        self.sign = 1.0 if mode == "min" else -1.0
        self.best: float | None = None
        self.bad_epochs = 0
        self.cooling = 0

    @property
    def lr(self) -> float:
        """The old name of ``learning_rate``."""
        warn_renamed("OnPlateau.lr", "learning_rate")
        return self.learning_rate

    @lr.setter
    def lr(self, value: float) -> None:
        warn_renamed("OnPlateau.lr", "learning_rate")
        self.learning_rate = value

    @ieee
    def update(self, metric: float) -> float:
        """Note the metric of an epoch and return the rate for the next. Raises ValueError unless it
        is finite.
        """
        cure = "stop the training, or restore an earlier state"
        found = self.sign * real_number("OnPlateau: the metric", metric, cure=cure)
        if self.best is None or found < self.best - self.threshold * abs(self.best):
            self.best, self.bad_epochs = found, 0
        else:
            self.bad_epochs += 1
        if self.cooling:
            self.cooling, self.bad_epochs = self.cooling - 1, 0
        if self.bad_epochs > self.patience:
            self.learning_rate, self.bad_epochs, self.cooling = (
                max(self.learning_rate * self.factor, self.floor),
                0,
                self.cooldown,
            )
        return self.learning_rate

    def state_dict(self) -> dict[str, float | int | None]:
        """What ``update`` changes; all of it can be stored as JSON."""
        return {
            "lr": self.learning_rate,
            "best": self.best,
            "bad_epochs": self.bad_epochs,
            "cooling": self.cooling,
        }

    def load_state_dict(self, state: Mapping[str, float | int | None]) -> None:
        """Restore a state that ``state_dict`` returned. Raises ValueError for other names."""
        if state.keys() != self.state_dict().keys():
            raise ValueError(
                f"OnPlateau.load_state_dict: names must be {sorted(self.state_dict())}, found "
                f"{sorted(state)}; load what an OnPlateau saved"
            )
        known = {name: value for name, value in state.items() if value is not None}
        if missing := sorted(state.keys() - known.keys() - {"best"}):
            raise ValueError(
                f"OnPlateau.load_state_dict: {', '.join(missing)} must be a number, found None; "
                "load what an OnPlateau saved"
            )
        self.learning_rate = float(known["lr"])
        self.best = float(known["best"]) if "best" in known else None
        self.bad_epochs, self.cooling = int(known["bad_epochs"]), int(known["cooling"])

    def __repr__(self) -> str:
        options = ("factor", "patience", "threshold", "cooldown", "floor")
        shown = ", ".join(f"{name}={getattr(self, name)}" for name in options)
        mode = "min" if self.sign > 0 else "max"
        return f"OnPlateau(learning_rate={self.learning_rate}, {shown}, mode={mode!r})"
