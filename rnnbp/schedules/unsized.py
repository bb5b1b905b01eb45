"""Schedules whose number of chunks comes when they are used: ``Revolve(slots=4)``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn, final

from rnnbp.actions import Action


@final
@dataclass(frozen=True)
class Unsized:
    """A kind of schedule and its options; called with a number of chunks it returns the schedule.

    Args:
        kind: a class of schedules.
        options: its arguments other than ``chunks``, by name.

    Accepted wherever a function of the number of chunks is: ``bptt(checkpoint=)``, ``forecast``, a
    ``Trainer``, ``simulate``.

    >>> import rnnbp as rb
    >>> rb.schedules.Revolve(slots=4)(9) == rb.schedules.Revolve(9, 4)
    True
    """

    kind: Callable[..., Iterable[Action]]
    options: tuple[tuple[str, object], ...]

    def __call__(self, chunks: int) -> Iterable[Action]:
        return self.kind(chunks, **dict(self.options))

    def __getattr__(self, name: str) -> object:
        for option, value in vars(self).get("options", ()):
            if option == name:
                return value
        raise AttributeError(f"{type(self).__name__} object has no attribute {name!r}")

    def __iter__(self) -> Iterator[Action]:
        self._refuse("its actions")

    @property
    def steps(self) -> int:
        """Raises TypeError: it depends on the number of chunks."""
        self._refuse("its steps")

    def _refuse(self, what: str) -> NoReturn:
        raise TypeError(
            f"{self} has no number of chunks yet; for {what} give it one: {self}(chunks)"
        )

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options)
        return f"{self.kind.__name__}({options})"
