"""The intervals between checkpoints of a sequence whose end is not known, and what they cost."""

from __future__ import annotations

from itertools import accumulate, pairwise
from typing import final

from rnnbp.schedules.binomial import cost


@final
class Intervals:
    """Checkpoints in order, and the costs of the intervals after them.

    Interval k, after checkpoint k, is reversed in the slots but those of the k before it.

    Args:
        slots: checkpoints at once.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.stored: list[int] = []
        """The chunks that checkpoints enter."""
        self._measure()

    def store(self, n: int) -> None:
        """Add the checkpoint that enters chunk n."""
        self.stored.append(n)
        self._measure()

    def replace(self, out: int, n: int) -> int:
        """Put the checkpoint that enters chunk n in place of number ``out``; returns its chunk."""
        chunk = self.stored.pop(out)
        self.store(n)
        return chunk

    def reruns(self, present: int) -> int:
        """Chunks run again if the sequence ends with chunk ``present``."""
        if not self.stored:
            return 0
        return self._before[-1] + self._cost(len(self.stored) - 1, present - self.stored[-1])

    def replaced(self, n: int) -> int | None:
        """Which checkpoint makes place for the one that enters chunk n; None for none of them.

        All slots are full. The cheapest is taken for an end that comes soon.
        """
        last, soon = len(self.stored) - 1, n + 1 + n // 100
        after = self._cost(last, soon - n)
        choices = [(self._before[last] + self._cost(last, soon - self.stored[last]), -1)]
        if last:
            joined = self._cost(last - 1, n - self.stored[last - 1])
            choices.append((self._before[last - 1] + joined + after, last))
        if self._inner:
            inner, k = self._inner
            choices.append((inner + self._cost(last - 1, n - self.stored[last]) + after, k))
        out = min(choices)[1]
        return None if out < 0 else out

    def _measure(self) -> None:
        """Find what stays true for as long as no checkpoint is stored or replaced."""
        lengths = [after - before for before, after in pairwise(self.stored)]
        costs = (self._cost(k, length) for k, length in enumerate(lengths))
        self._before = list(accumulate(costs, initial=0))
        up = [self._cost(k - 1, length) for k, length in enumerate(lengths) if k]
        # Of the intervals after k, each with one slot more.
        beyond = [*accumulate(reversed(up), initial=0)][::-1]
        self._inner = min(
            (self._before[k - 1] + self._cost(k - 1, lengths[k - 1] + lengths[k]) + beyond[k], k)
            for k in range(1, len(lengths))
        ) if len(lengths) > 1 else None  # fmt: skip
        """The least that all intervals cost without one of the inner checkpoints, and which."""

    def _cost(self, k: int, length: int) -> int:
        """Of interval k, of this many chunks."""
        return cost(length, self.slots - k) if length else 0
