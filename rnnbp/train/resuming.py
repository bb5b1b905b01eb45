"""A run as a snapshot of it says, read and checked before anything changes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

from rnnbp.train.caller import TRAINER, Caller
from rnnbp.train.identity import Identity
from rnnbp.train.parts import Parts
from rnnbp.train.run_data import RunData
from rnnbp.train.run_identity import identity_of
from rnnbp.train.snapshot_reading import Snapshot
from rnnbp.train.snapshots import load_snapshot
from rnnbp.train.source import Source
from rnnbp.train.stamps import Stamp, stamp
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update


@dataclass(frozen=True)
class Resumable:
    """A snapshot that fits a run.

    Attributes:
        stamp: of the file, before it was read.
        update: the run's, with chunks as they were.
        identity: of that update.
        data: what the run was trained on.
        adopt: makes budgets be planned with the costs that the run has measured.
    """

    snapshot: Snapshot
    stamp: Stamp
    update: Update
    identity: Identity
    data: RunData
    adopt: Callable[[], None]

    @classmethod
    def of(
        cls,
        file: Path,
        update: Update,
        parts: Parts,
        override: Collection[str],
        source: Source | None = None,
        caller: Caller = TRAINER,
    ) -> Resumable:
        """Read a snapshot. Raises as ``Trainer.resume`` does; nothing has changed then.

        Args:
            source: the data to come, if they are known: an error names them with what else differs.
        """
        before, found = stamp(file), load_snapshot(file)
        checkpoint = found.planned(update.options.checkpoint)
        update = replace(update, options=replace(update.options, checkpoint=checkpoint))
        identity = identity_of(update)
        found.check(parts, identity, override, source, caller)
        adopt, data = found.measured(update.model), found.data(override)
        return cls(found, before, update, identity, data, adopt)

    def put(self, parts: Parts, override: Collection[str]) -> Standing:
        """Put the values of the snapshot into ``parts``; returns the place of the run."""
        at = self.snapshot.put(parts, own_rate="learning_rate" in override)
        at.anew |= self.snapshot.follows_other(self.identity)
        self.adopt()
        return at
