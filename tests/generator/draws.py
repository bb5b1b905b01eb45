"""Where random choices come from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from hypothesis import strategies as st

T = TypeVar("T")


class Draw(Protocol):
    """Makes choices."""

    def integer(self, least: int, most: int) -> int:
        """An integer from ``least`` to ``most``, both included."""
        ...

    def pick(self, choices: Sequence[T]) -> T: ...

    def chance(self, share: float = 0.5) -> bool:
        """True in about ``share`` of all cases."""
        ...


class Seeded:
    """Choices from a seed."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def integer(self, least: int, most: int) -> int:
        return int(self.rng.integers(least, most + 1))

    def pick(self, choices: Sequence[T]) -> T:
        return choices[self.integer(0, len(choices) - 1)]

    def chance(self, share: float = 0.5) -> bool:
        return bool(self.rng.random() < share)


class Searched:
    """Choices of hypothesis, which makes a failure smaller."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def integer(self, least: int, most: int) -> int:
        return int(self.draw(st.integers(least, most)))

    def pick(self, choices: Sequence[T]) -> T:
        found: T = self.draw(st.sampled_from(choices))
        return found

    def chance(self, share: float = 0.5) -> bool:
        return bool(
            self.draw(st.booleans()) if share == 0.5 else self.integer(1, 100) <= 100 * share
        )


def sample(draw: Draw, choices: Sequence[T], most: int) -> list[T]:
    """Up to ``most`` of the choices, none twice."""
    left, found = list(choices), list[T]()
    for _ in range(draw.integer(0, min(most, len(left)))):
        found.append(left.pop(draw.integer(0, len(left) - 1)))
    return found
