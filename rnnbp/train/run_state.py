"""The state of a run of training: its update, its place, its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from rnnbp.numerics import Array
from rnnbp.storage import JSON
from rnnbp.train.caller import TRAINER, Caller
from rnnbp.train.folder import RunFolder
from rnnbp.train.identity import Identity
from rnnbp.train.limits import Limits
from rnnbp.train.options import Options
from rnnbp.train.parts import Parts
from rnnbp.train.run_data import RunData
from rnnbp.train.source import Source
from rnnbp.train.standing import Standing
from rnnbp.train.updates import Update
from rnnbp.train.watched_rate import WatchedRate


@dataclass
class RunState:
    """The update of a step, what it changes, its place and its files.

    pending: the metrics of a step whose line is not complete, for its validation is to be done; and
        grads, its gradients, for callbacks.
    useless: why the model is not in the state of ``at``, if it is not.
    busy: whether a call of fit is training.
    goes_on: whether it comes from a snapshot, so that the call of fit that wrote it goes on; and
        resumed, the folder of that snapshot, until a note has said so.
    stopping: why a callback wants it to end. earlier: the seconds of earlier calls.
    caller: what the user called. ended: why the last call of fit ended, and by what signal.
    last: the last parameters, while the model holds the best. asked: the last two calls of fit.
    ahead: the data that fit in a budget, and the update that has it.
    """

    update: Update
    parts: Parts
    folder: RunFolder
    at: Standing = field(default_factory=Standing)
    known: RunData = field(default_factory=RunData)
    identity: Identity | None = None
    pending: dict[str, JSON] | None = None
    useless: str = ""
    own_rate: WatchedRate = field(default_factory=WatchedRate)
    busy: bool = False
    goes_on: bool = False
    resumed: str = ""
    stopping: str = ""
    earlier: float = 0.0
    caller: Caller = TRAINER
    ended: tuple[str, int | None] = ("", None)
    last: dict[str, Array] = field(default_factory=dict)
    grads: Mapping[str, Array] | None = None
    asked: list[Limits] = field(default_factory=list)
    ahead: tuple[Source, Update] | None = None

    @property
    def options(self) -> Options:
        """The arguments that may be changed."""
        return self.update.options

    def _note_time(self, limits: Limits) -> float:
        """The seconds of training so far."""
        self.at.history.seconds = self.earlier + limits.elapsed()
        return self.at.history.seconds

    def _count_from_here(self) -> None:
        """Count epochs and steps from here, unless the run resumes; restart used-up patience."""
        if self.goes_on:
            return
        if self.options.patience is not None and self.at.waited >= self.options.patience:
            self.at.waited = 0
        if self.at.begin():
            self.folder.outdate()

    def _holds_best(self) -> bool:
        """True if the model holds the best parameters, and no others were written to it since."""
        best = self.at.best_weights
        return bool(self.last) and all(
            np.array_equal(p, best[name]) for name, p in self.parts.params.items()
        )

    def _extra(self) -> dict[str, JSON]:
        identity: JSON = {**(self.identity or {})}
        return {"identity": identity, **self.known.to_json(), **self.update.costs()}

    @property
    def _progress(self) -> bool | None:
        """Whether progress is shown: of several processes by the first alone."""
        parallel = self.options.parallel
        return False if parallel is not None and parallel.rank else self.options.progress

    def _reason(self, limits: Limits) -> str | None:
        """The reason to stop now, if any, other than a signal."""
        if self.stopping:
            return self.stopping
        if self.options.patience is not None and self.at.waited >= self.options.patience:
            return "early stopping"
        return limits.reason(self.at)
