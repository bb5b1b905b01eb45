"""Which states are live at once, apart from those in slots.

These are the initial state, the present one, the final one, and the deltas of a state.
"""

from __future__ import annotations

from collections.abc import Container
from typing import final


@final
class LiveStates:
    """Follows the actions of a schedule; a run and its forecast report the same events to it."""

    def __init__(self) -> None:
        self._slot: int | None = None
        self._initial, self._ended, self._final, self._deltas = True, False, False, False

    @property
    def no_deltas(self) -> bool:
        """True before the first Backward, and where a horizon cuts."""
        return not self._deltas

    def ran(self, *, last: bool) -> None:
        """A chunk has run into a new present state; the ``last`` chunk into the final one."""
        self._leave()
        self._initial, self._slot, self._ended = False, None, last
        self._final = self._final and not last

    def loaded(self, slot: int | None) -> None:
        """The present state is that of a slot in RAM; None for a copy of its own."""
        self._leave()
        self._initial, self._slot, self._ended = False, slot, False

    def reversed(self, *, cut: bool = False) -> None:
        """A chunk has gone backward; ``cut`` if a horizon ends its deltas here."""
        self._deltas = not cut

    def nbytes(self, slots: Container[int], state: int, deltas: int) -> int:
        """Bytes of the live states, without those that ``slots`` hold.

        Args:
            slots: numbers of the slots in RAM.
            state: bytes of a state.
            deltas: bytes of the deltas of a state.
        """
        own = not self._initial and self._slot not in slots  # ``own``, after each action
        return (1 + own + self._final) * state + self._deltas * deltas

    def own(self, slots: Container[int]) -> bool:
        """True if the present state is neither the initial one nor in one of ``slots``."""
        return not self._initial and self._slot not in slots

    def _leave(self) -> None:
        """The present state changes; if it was the final one, that is kept for the result."""
        self._final, self._ended = self._final or self._ended, False
