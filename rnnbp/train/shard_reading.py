"""The shards of the batches of a source: their rows, and the batch of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np

from rnnbp.graph.graph import Graph
from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.parallel import Exchange
from rnnbp.train.batches import Batches
from rnnbp.train.by_rows import ByRows, Check
from rnnbp.train.shards import blocks, cut, dealt, rows_in
from rnnbp.train.shuffled import Shuffled
from rnnbp.train.source import Batch, LengthsOf, Source, check_batch


@final
@dataclass(frozen=True)
class Cut:
    """A batch that is cut into shards.

    Attributes:
        count: its rows.
        rows: of each shard their numbers; none where there are fewer rows than shards.
        whole: the batch, if all of it has been read.
    """

    graph: Graph
    source: Source
    place: tuple[int, int]
    count: int
    rows: list[Array]
    whole: Batch | None = field(repr=False)

    @classmethod
    def of(
        cls,
        graph: Graph,
        source: Source,
        place: tuple[int, int],
        shards: int,
        whole: Batch | None = None,
    ) -> Cut:
        """Batch ``index`` of an epoch, (epoch, index) being its ``place``; of a source that reads
        by rows nothing is read yet, and of others all but a batch that is there.

        Sequences of several lengths are dealt by length. Lanes, which go on from batch to batch,
        stay with their shards.
        """
        if isinstance(source, ByRows):
            count, lengths = source.rows_of(*place)
        else:
            whole = source.batch(*place) if whole is None else whole
            check_batch(whole)
            count, lengths = rows_in(graph, whole), getattr(whole, "lengths", None)
        rows = rows_of_shards(source, count, lengths, shards)
        return cls(graph, source, place, count, rows, whole)

    def batch(self, shard: int) -> Batch:
        """The batch of a shard that has rows."""
        if isinstance(self.source, ByRows):
            return self.source.part(*self.place, self.rows[shard])
        assert self.whole is not None  # what does not read by rows has read all
        return cut(self.graph, self.whole, self.rows[shard])

    def check_lanes(self, *, fresh: bool) -> None:
        """Raise ValueError where rows go on from batch to batch, and a shard has none of them."""
        carries = isinstance(self.source, ByRows) and not starts_anew(self.source)
        if (carries or not fresh) and not all(map(len, self.rows)):
            raise ValueError(
                f"Trainer: parallel cuts batches into {len(self.rows)} shards, and rows that go on "
                f"from batch to batch are {self.count}; give a batch_size of at least "
                f"{len(self.rows)}, or fewer shards"
            )


def rows_of_shards(source: Source, count: int, lengths: LengthsOf, shards: int) -> list[Array]:
    """The rows of each shard of a batch of ``count``."""
    if isinstance(lengths, np.ndarray) and starts_anew(source):
        return dealt(lengths, shards)
    return blocks(count, shards)


def check_shards(graph: Graph, source: Source, check: Check, parallel: Exchange) -> Check:
    """``check`` of the shards of this process, in place of a whole batch."""

    def each(batch: Batch, *, weightless: bool) -> None:
        count = rows_in(graph, batch)
        rows = rows_of_shards(source, count, batch.lengths, parallel.shards)
        for own in (rows[k] for k in parallel.own):
            if len(own):
                check(cut(graph, batch, own), weightless=weightless)

    return each


def starts_anew(source: Source) -> bool:
    """True if every batch of a source is known to start from the model's initial state."""
    return isinstance(source, Shuffled) or (isinstance(source, Batches) and not source.carry)


def of_rows(state: States, rows: Array) -> States:
    """The states of some rows."""
    return tuple([tuple([array[rows] for array in arrays]) for arrays in state])


def put_rows(state: States, into: States, rows: Array, count: int) -> States:
    """States of ``count`` rows, of which some are those of ``state``; the others as in ``into``."""
    if not into:
        into = tuple(
            [tuple([np.zeros((count, *a.shape[1:]), a.dtype) for a in arrays]) for arrays in state]
        )
    for arrays, wholes in zip(state, into, strict=True):
        for array, whole in zip(arrays, wholes, strict=True):
            whole[rows] = array
    return into
