"""The batches of an update in shards, of which each process has some."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, final

import numpy as np

from rnnbp.inputs.states import States
from rnnbp.numerics import Array
from rnnbp.parallel import Exchange, tree_sum, tree_sums
from rnnbp.parallel.agreement import raise_in_all
from rnnbp.train.accumulation import Shares
from rnnbp.train.averages import Averages
from rnnbp.train.batch_weights import weight_in_source, weights_in_update
from rnnbp.train.carried import check_known, lost_after
from rnnbp.train.group import Group
from rnnbp.train.output_losses import OutputLoss
from rnnbp.train.part_sums import part_sums
from rnnbp.train.run_data import RunData
from rnnbp.train.shard_reading import Cut, of_rows, put_rows, starts_anew
from rnnbp.train.shard_sums import ShardSum, failures, mean
from rnnbp.train.source import Batch, Source
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update, Updated


class Ended(NamedTuple):
    """The rows of a shard after its last batch: their numbers, their states, those without one."""

    rows: Array
    state: States
    lost: tuple[int, ...]


@final
class ShardedGroup(Group):
    """The update of all shards: each is run by itself, with random numbers of its own, and sums run
    over the fixed tree. An error in one process is raised in all of them.
    """

    def __init__(
        self, update: Update, data: Source, at: Standing, known: RunData, parallel: Exchange
    ) -> None:
        super().__init__(update, data, at, known)
        self.parallel = parallel
        self.keys = [part.key for part in update.losses if part.loss is not None]
        self.error: Exception | None = None
        self.cuts: list[Cut] = []
        self.read: dict[tuple[int, int], Batch] = {}
        self.shares: dict[int, Shares] = {}
        self.ended: list[Ended] = []

    def made(self) -> Updated:
        """The update from one batch, or from several."""
        self._try(self._cut)
        if self.keys:
            self._weigh()
        total = self._total()
        if failures(total):
            raise_in_all(self.error, self.parallel)
        part = mean(total, self.keys, self.measured)
        state, self.lost = self._carried()
        return self.update.finish(part._replace(state=state, lost=self.lost), self.at.step)

    def _total(self) -> dict[str, Array]:
        """The sums over all shards; of gradients the part that a partitioned optimiser takes."""
        shards, partition = map(self._summed, self.parallel.own), self.update.optimizer.cut
        if partition is None:
            return tree_sums(shards, self.parallel)
        return part_sums(shards, partition, self.parallel)

    def _try(self, action: Callable[[], None]) -> None:
        """Do something that may fail here alone; nothing more once something has."""
        if self.error is None:
            try:
                action()
            except Exception as error:  # whatever a source, layer or loss raises
                self.error = error

    def _cut(self) -> None:
        """Get the batches, of which those that read by rows are not read yet."""
        at = self.at
        while self._more():
            number, self.taken = self.taken, self.taken + 1
            with self._noting(number):
                place = at.epoch, at.index + number
                one = Cut.of(self.update.model, self.data, place, self.parallel.shards)
            self.cuts.append(one)
            if not number and one.whole is not None:
                self.known.see(self.data, at.step, *place, one.whole)

    def _weigh(self) -> None:
        """Learn the weights of all shards by output, before the first is run."""

        def own(shard: int) -> Array:
            self._try(lambda: self._weights(shard))
            found = self.shares.get(shard, Shares(()))
            return np.array([found.total(key) for key in self.keys])

        totals = tree_sum([own(shard) for shard in self.parallel.own], self.parallel)
        known = dict(zip(self.keys, totals.tolist(), strict=True))
        for shard, found in self.shares.items():
            self.shares[shard] = found._replace(totals={k: w for k, w in known.items() if w})

    def _weights(self, shard: int) -> None:
        """The weights of the batches of a shard, which are read."""
        found = []
        for number, one in enumerate(self.cuts):
            with self._noting(number, one.rows[shard]):
                batch = self._batch(number, shard)
                of = self.update.losses
                found.append(
                    {} if batch is None else weights_in_update(self.update.model, batch, of)
                )
        self.shares[shard] = Shares(tuple(found))

    def _batch(self, number: int, shard: int) -> Batch | None:
        """The batch of a shard; None without rows. It is read once where weights need it before."""
        if not len(self.cuts[number].rows[shard]):
            return None
        if (batch := self.read.get((number, shard))) is None:
            batch = self.cuts[number].batch(shard)
            self.cuts[number].check_lanes(fresh=batch.fresh)
            if self.keys:
                self.read[number, shard] = batch
        return batch

    def _summed(self, shard: int) -> dict[str, Array]:
        """What a shard adds to the sum."""
        found = ShardSum(
            self.keys, self.update.optimizer.params, Averages(self.update.options.measured)
        )
        self._try(lambda: self._run(shard, found))
        if self.error is not None:
            found.failed()
        return found.arrays()

    def _run(self, shard: int, into: ShardSum) -> None:
        """Run the batches of a shard one after the other."""
        ended: Ended | None = None
        for number, one in enumerate(self.cuts):
            with self._noting(number, one.rows[shard]):
                if (batch := self._batch(number, shard)) is not None:
                    before = ended or self._begun(one.rows[shard])
                    ended = self._one(shard, number, batch, before, into)
        if ended is not None:
            self.ended.append(ended)

    def _begun(self, rows: Array) -> Ended:
        """The rows of a shard as the update before has left them."""
        lost = [k for k, row in enumerate(rows.tolist()) if row in self.at.lost]
        return Ended(rows, of_rows(self.at.state, rows), tuple(lost))

    def _one(self, shard: int, number: int, batch: Batch, before: Ended, into: ShardSum) -> Ended:
        """Run a batch of a shard, and add what it has."""
        update, shares = self.update, self.shares.get(shard)
        check_known(batch, before.lost)
        part = update.part(
            batch,
            before.state,
            self.at.step,
            number * self.parallel.shards + shard,
            into.measured,
            None if shares is None else shares.factors(number),
        )
        if shares is not None:
            into.add(part, shares.weight(number), shares.of(number))
        elif part.grads is not None:
            of = OutputLoss(0, "", update.options.loss, 1.0)
            into.add(part, weight_in_source(update.model, batch, of))
        lost = lost_after(batch, before.lost, part.lost)
        return Ended(self.cuts[number].rows[shard], part.state, lost)

    def _carried(self) -> tuple[States, tuple[int, ...]]:
        """The states of the rows of this process among those of all, and its rows without one."""
        state: States = ()
        if starts_anew(self.data):
            return state, ()
        lost: list[int] = []
        for one in self.ended:
            state = put_rows(one.state, state, one.rows, self.cuts[-1].count)
            lost += one.rows[[*one.lost]].tolist() if one.lost else []
        return state, tuple(sorted(lost))
