"""x that is read as 0 where it cannot be used and no loss looks."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeAlias, final

import numpy as np

from rnnbp.inputs.held import Check, Held
from rnnbp.inputs.weighted import of_steps
from rnnbp.numerics import Array

Unusable: TypeAlias = Callable[[Array], Array]
"""Steps of x, (L, B, ...) -> (L, B), True where there is what cannot be used."""
NEVER = np.iinfo(np.int64).max
OF_PADDING = "; padding is left out by a mask or lengths"
"""How the error of a value of x ends where there may be no mask."""


@final
class Padded(Held):
    """x that is read as 0 from a step of each row on: NaN times a delta of 0 would be NaN.

    Args:
        end: (B,) the number of that step.
    """

    def __init__(self, x: Held, end: Array) -> None:
        super().__init__(x.given, fresh=True)
        self.end = end

    def read(self, span: slice) -> Array:
        found = super().read(span)
        found[np.arange(span.start, span.stop)[:, None] >= self.end] = 0
        return found

    again = read


@final
class Masked(Held):
    """x that is read as 0 at steps without weight that cannot be used: for a model without
    Recurrents."""

    def __init__(self, x: Held, weights: Held, unusable: Unusable) -> None:
        super().__init__(x.given, fresh=True)
        self.weights, self.unusable = weights, unusable

    def read(self, span: slice) -> Array:
        found = super().read(span)
        found[self.unusable(found) & ~of_steps(self.weights.read(span))] = 0
        return found

    again = read


@final
class Cleaned:
    """Checks the pieces of a stream; from what cannot be used on, a row becomes 0.

    Args:
        last: (B,) the last step of each row that has weight; None where that is not known yet.
    """

    def __init__(self, check: Check, unusable: Unusable, batch: int, last: Array | None) -> None:
        self.check, self.unusable, self.last = check, unusable, last
        self.end = np.full(batch, NEVER)
        self.any = False

    def __call__(self, piece: Array, start: int) -> Array:
        try:
            self.check(piece, start)
        except (ValueError, IndexError):
            bad, self.any = self.unusable(piece), True
            first = np.where(bad.any(axis=0), start + bad.argmax(axis=0), NEVER)
            if self.last is not None:
                first[first <= self.last] = NEVER
            self.end = np.minimum(self.end, first)
            piece = self._zeroed(piece, start)
            try:
                self.check(piece, start)
            except (ValueError, IndexError) as error:
                refuse(error)
            return piece
        return self._zeroed(piece, start) if self.any else piece

    def _zeroed(self, piece: Array, start: int) -> Array:
        steps = np.arange(start, start + len(piece))[:, None]
        return np.where(
            (steps >= self.end).reshape(*piece.shape[:2], *[1] * (piece.ndim - 2)), 0, piece
        )


def refuse(error: Exception) -> NoReturn:
    raise type(error)(
        f"{str(error).removesuffix(OF_PADDING)}; a mask leaves out only what comes after the last "
        "step of its sequence that has weight, since before that the state would carry it on: move "
        "padding there, or put 0 in its place"
    ) from None
