"""The loss over a whole source in shards, of which each process has some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel import Exchange, tree_sum
from rnnbp.parallel.agreement import raise_in_all
from rnnbp.train.averages import Averages
from rnnbp.train.by_rows import ByRows
from rnnbp.train.options import Options
from rnnbp.train.origins import note_origin
from rnnbp.train.output_losses import losses_of
from rnnbp.train.shard_reading import Cut
from rnnbp.train.source import Batch, Source
from rnnbp.train.sources import epoch_of
from rnnbp.train.targets import check_targets
from rnnbp.train.updates import Update
from rnnbp.train.validation import Sums, no_weight


@final
@dataclass(frozen=True)
class ShardedValidation:
    """The validation of a run of several processes: each shard is run by itself, sums run over the
    fixed tree, and an error in one process is raised in all.
    """

    update: Update
    source: Source
    parallel: Exchange
    seen: Callable[[int, Batch], object]

    def loss(self, measured: Averages) -> float:
        """The mean over the source, as ``validation_loss`` has it; ``measured`` takes up metrics.

        Raises as ``validation_loss`` does.
        """
        options, error = self.update.options, None
        shards = {k: self._begun(options) for k in self.parallel.own}
        try:
            check_targets(self.update.model, self.source, options.loss)
            for one in self._cuts():
                for shard, sums in shards.items():
                    self._add(one, shard, sums)
        except Exception as found:  # whatever a source or a loss raises
            error = found
        failed = np.array([error is not None], np.float64)
        total = tree_sum((self._figures(sums, failed) for sums in shards.values()), self.parallel)
        if total[0]:
            raise_in_all(error, self.parallel)
        return self._mean(total[1:], measured)

    def _begun(self, options: Options) -> Sums:
        measured = Averages(options.measured)
        return Sums(self.update.model, options.loss, options.chunk, measured, False)

    def _cuts(self) -> Iterator[Cut]:
        """The batches of epoch 0; those of a source that reads by rows are not read yet."""
        model, shards = self.update.model, self.parallel.shards
        if isinstance(self.source, ByRows):
            for index in range(self.source.batches_per_epoch):
                yield Cut.of(model, self.source, (0, index), shards)
            return
        for index, batch in enumerate(epoch_of(self.source)):
            yield Cut.of(model, self.source, (0, index), shards, batch)
            self.seen(index, batch)

    def _add(self, one: Cut, shard: int, into: Sums) -> None:
        """Run a batch of a shard."""
        rows, index = one.rows[shard], one.place[1]
        if not len(rows):
            return
        try:
            batch = one.batch(shard)
            one.check_lanes(fresh=batch.fresh)
            into.add(index, batch)
        except Exception as error:
            note_origin(error, self.source, 0, index, rows)
            error.add_note(f"in validation, batch {index}")
            raise

    @property
    def _keys(self) -> list[str | int]:
        return [part.key for part in losses_of(self.update.model, self.update.options.loss)]

    def _figures(self, sums: Sums, failed: Array) -> Array:
        """What a shard adds to the sum."""
        assert sums.measured is not None  # it was made with metrics
        found = [*(sums.totals.get(key, 0.0) for key in self._keys)]
        found += [*(sums.weights.get(key, 0.0) for key in self._keys)]
        return np.concatenate([failed, found, sums.measured.totals()])

    def _mean(self, total: Array, measured: Averages) -> float:
        """The mean from the sums of all shards."""
        keys, options = self._keys, self.update.options
        n = len(keys)
        totals, weights, metrics = np.split(total, [n, 2 * n])
        measured.put(metrics.tolist())
        known = {k: w for k, w in zip(keys, weights.tolist(), strict=True) if w}
        if not known:
            raise no_weight(self.source.batches_per_epoch)
        values = dict(zip(keys, totals.tolist(), strict=True))
        of = Sums(self.update.model, options.loss, options.chunk, measured, False, values, known)
        return of.mean()
