"""The bytes of live states of a sweep whose rows have different lengths."""

from __future__ import annotations

from collections.abc import Container
from typing import final

from rnnbp.actions import Action, Advance, Backward, Keep, Load, Record
from rnnbp.inputs.rows import Rows
from rnnbp.planning.live_states import LiveStates
from rnnbp.planning.sweep_sizes import SweepSizes


@final
class RowStates:
    """How many rows the present state has, and the deltas: a run and its forecast report actions.

    The initial state, and the final ones, are of all rows and always there; so are deltas of final
    states that are given, from the first Backward on.

    Args:
        sizes: of the whole batch. rows: their lengths. chunk: steps in a chunk.
        known: by chunk, the sizes that are known, to which those of others are added; by default
            those of the last chunk alone, or a run would hold as many as there are numbers of rows.
    """

    def __init__(
        self,
        sizes: SweepSizes,
        rows: Rows,
        chunk: int,
        known: dict[int, SweepSizes] | None = None,
    ) -> None:
        self._sizes, self._rows, self._chunk, self._sized = sizes, rows, chunk, known
        self._present, self._reversed = rows.batch, 0
        self._known: dict[int, tuple[int, int]] = {}
        self._last = -1, sizes

    def live(self, n: int) -> int:
        """The rows of chunk n."""
        return self._rows.live(n * self._chunk)

    def at(self, n: int) -> SweepSizes:
        """The sizes of chunk n."""
        if n != self._last[0]:
            known = {} if self._sized is None else self._sized
            if n not in known:
                start, length = n * self._chunk, self._chunk
                whole = self._rows.whole(start, length)
                sizes = self._sizes.of_whole if whole else self._sizes
                known[n] = sizes.at(self._rows.live(start))
            self._last = n, known[n]
        return self._last[1]

    def _states(self, rows: int) -> tuple[int, int]:
        """The bytes of a state of as many rows, and of its deltas."""
        if (found := self._known.get(rows)) is None:
            sizes = self._sizes.at(rows)
            found = self._known[rows] = sizes.slot, sizes.deltas
        return found

    def did(self, action: Action) -> None:
        """An action is done."""
        match action:
            case Advance() | Keep() | Record():
                self._present = self.live(action.n + 1)
            case Load():
                self._present = self.live(action.n)
            case Backward():
                self._reversed = self.live(action.n)

    def widening(self, n: int, *, first: bool) -> int:
        """Bytes by which the deltas of the state after chunk n, of all its rows, are more than
        those that are there; ``first``: none are.
        """
        here = self.at(n)
        return here.given_deltas if first else here.deltas - self._deltas()

    def nbytes(self, live: LiveStates, slots: Container[int], *, turned: bool) -> int:
        """The bytes of all that is alive; ``turned``: some chunk has gone backward."""
        own = self._states(self._present)[0] if live.own(slots) and self._present else 0
        given = self._sizes.given_deltas if turned else 0
        return 2 * self._sizes.slot + own + given + (0 if live.no_deltas else self._deltas())

    def _deltas(self) -> int:
        return self._states(self._reversed)[1]
