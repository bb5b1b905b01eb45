"""What learning rates share: the check of a step, and the old name lr."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from rnnbp.numerics import shown, whole_number
from rnnbp.wording.arguments import Named
from rnnbp.wording.renamed import renamed, warn_renamed

T = TypeVar("T")
Schedule: TypeAlias = Callable[[int], float]


def checked_step(step: int) -> int:
    return whole_number("a schedule's step", step, least=0)


def check_schedule(name: str, schedule: object) -> None:
    """Raise TypeError unless ``schedule`` is a function of the step."""
    if isinstance(schedule, type) or not callable(schedule):
        cure = "as optim.Constant(1e-3)"
        if isinstance(schedule, int | float):
            cure = f"write optim.Constant({schedule!r})"
        elif hasattr(schedule, "update"):  # an OnPlateau
            cure = (
                "it follows validation losses and not the step, and the two cannot be combined: "
                "take it alone, or warm up a Cosine or StepDecay"
            )
        raise TypeError(f"{name} must be a function of the step, found {shown(schedule)}; {cure}")


class Rated(Named):
    """A schedule with a ``learning_rate``, and its old name ``lr``."""

    __slots__ = ()
    learning_rate: float

    @property
    def lr(self) -> float:
        """The old name of ``learning_rate``."""
        warn_renamed(f"{type(self).__name__}.lr", "learning_rate")
        return self.learning_rate


def renamed_rate(kind: type[T]) -> type[T]:
    """Decorate a class so that it takes ``learning_rate`` as ``lr=`` too, with a warning."""
    kind.__init__ = renamed("lr", "learning_rate")(kind.__init__)  # type: ignore[method-assign]  # its own, wrapped
    return kind
