"""Bytes that training holds all the time, next to a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sharing:
    """How processes share a batch: its shards, the rows of the largest, and whether the optimiser's
    state is spread over them.
    """

    shards: int
    rows: int
    partition: bool


@dataclass(frozen=True, slots=True)
class TrainingBytes:
    """Those bytes, by what they are for.

    optimizer: its state. best: the best parameters. gradients: the sum of those of several batches.
    shards: the sums of those of several shards. sharing: how these are shared, if they are.
    """

    optimizer: int = 0
    best: int = 0
    gradients: int = 0
    shards: int = 0
    sharing: Sharing | None = None

    @property
    def total(self) -> int:
        """All of them."""
        return self.optimizer + self.best + self.gradients + self.shards

    @property
    def parts(self) -> dict[str, int]:
        """Those that are there, by name, as an error says "NAME takes BYTES"."""
        found = {
            "the optimiser's state": self.optimizer,
            "a copy of the best parameters, which validation= or monitor= keeps,": self.best,
            "the sum of the gradients over accumulate= batches": self.gradients,
            "the sum of the gradients over shards of parallel=": self.shards,
        }
        return {name: n for name, n in found.items() if n}
