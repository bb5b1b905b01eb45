"""Which states are held at once, apart from those in slots: the initial one, the present, the final, and the deltas."""

from __future__ import annotations

from collections.abc import Container

from rnnbp.numerics import positive_int


def check_horizon(horizon: int | None, chunk: int | None, caller: str = "") -> tuple[int | None, int | None]:
    """A horizon, and the length of chunks, which is that by default. Raises TypeError, or ValueError if it cuts one."""
    if horizon is None:
        return None, chunk
    horizon = positive_int(f"{caller}horizon", horizon)
    chunk = horizon if chunk is None else positive_int(f"{caller}chunk", chunk)
    if horizon % chunk:
        raise ValueError(
            f"{caller}horizon {horizon} is not a multiple of chunk {chunk}; choose a chunk that divides it"
        )
    return horizon, chunk


def cuts(horizon: int | None, start: int) -> bool:
    """Whether no gradient flows to the steps before ``start``."""
    return bool(horizon and start and start % horizon == 0)


class Standing:
    """Counts them as a run goes on; what runs and what predicts follow the same events."""

    def __init__(self) -> None:
        self._slot: int | None = None
        self._initial, self._ended, self._final, self._deltas = True, False, False, False

    @property
    def first(self) -> bool:
        """Whether no deltas of a state are there."""
        return not self._deltas

    def ran(self, *, last: bool) -> None:
        """A chunk has run, and the present state is a new one; the ``last`` ends in the final state."""
        self._leave()
        self._initial, self._slot, self._ended = False, None, last
        self._final = self._final and not last

    def loaded(self, slot: int | None) -> None:
        """The present state is that of a slot in RAM, or one of its own."""
        self._leave()
        self._initial, self._slot, self._ended = False, slot, False

    def reversed(self, *, cut: bool = False) -> None:
        """A chunk has gone backward; ``cut``: its deltas go no further."""
        self._deltas = not cut

    def nbytes(self, slots: Container[int], state: int, deltas: int) -> int:
        """Their bytes apart from those of ``slots``, where a state and its deltas take so many."""
        own = not self._initial and self._slot not in slots
        return (1 + own + self._final) * state + self._deltas * deltas

    def _leave(self) -> None:
        """The present state is the final one no longer, which stays."""
        self._final, self._ended = self._final or self._ended, False
