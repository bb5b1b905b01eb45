"""A run of training: what changes as it goes, and how it goes on from step to step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from rnnbp.optim import OnPlateau
from rnnbp.storage import JSON, PathLike
from rnnbp.train.folder import RunFolder, stamp
from rnnbp.train.identity import Identity, of_settings
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.limits import Limits
from rnnbp.train.options import Options
from rnnbp.train.progress import progress_bar
from rnnbp.train.run_data import RunData
from rnnbp.train.snapshots import load_snapshot
from rnnbp.train.source import Source, fingerprint
from rnnbp.train.sources import SourceLike
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.steps import updated, validated
from rnnbp.train.updates import Update
from rnnbp.train.weights import assign


@dataclass
class Training:
    """What a Trainer trains: the update of a step, what it changes, where the run stands, and its files.

    pending: the metrics of a step whose line is not complete, for its validation is to be done.
    useless: why the model is not in the state of ``at``, if it is not.
    """

    update: Update
    parts: Parts
    folder: RunFolder
    at: Standing = field(default_factory=Standing)
    known: RunData = field(default_factory=RunData)
    identity: Identity | None = None
    pending: dict[str, Any] | None = None
    useless: str = ""

    @classmethod
    def of(cls, update: Update, folder: PathLike | None, description: JSON) -> Training:
        """A run that has not begun."""
        parts = Parts.of(update.model, update.optimizer, _plateau(update.options))
        found = cls(update, parts, RunFolder(folder, parts, description), known=RunData(wanted=folder is not None))
        found.identity = None if folder is None else _identity(update)
        return found

    @property
    def options(self) -> Options:
        """The arguments that may be changed."""
        return self.update.options

    def change(self, options: Options) -> None:
        """Go on with other options from the next step."""
        update = replace(self.update, options=options)
        identity = None if self.folder.path is None else _identity(update)
        self.update, self.parts.plateau = update, _plateau(options)
        if identity != self.identity:
            self.identity = identity
            self.folder.outdate()

    def train(
        self,
        given: SourceLike,
        limits: Limits,
        interrupts: Interrupts,
        tell: Callable[[str, Mapping[str, Any]], object],
    ) -> str:
        """Train until there is a reason to stop, which is returned; ``tell`` is called with each kind of event."""
        data = self.known.wrapped.source("Trainer.fit: data", given, self.at.epoch)
        self._begin(data)
        before, total = self.at.history.seconds, limits.total(data.batches_per_epoch)
        with progress_bar(self.options.progress, self.at.step, total) as bar:
            while True:
                if self.pending is None and (reason := self._reason(limits, interrupts)) is not None:
                    break
                metrics = self._step(data)
                self.at.history.seconds = before + limits.elapsed()
                self._write(metrics | {"seconds": self.at.history.seconds}, tell)
                if bar is not None:
                    bar.set_postfix(loss=metrics["loss"], refresh=False)
                    bar.update()
        self.at.history.seconds = before + limits.elapsed()
        self.folder.snapshot(self.at, self._extra())
        self.folder.save_model(self.at)
        if reason != "interrupted" and self.options.patience is not None and self.at.best_weights:
            assign("Trainer.fit", self.parts.params, self.at.best_weights)
            self.useless = "the model holds the best parameters, not the last"
        return reason

    def resume(self, path: PathLike | None, override: Collection[str]) -> None:
        """Go back to a snapshot, as ``Trainer.resume``."""
        file = self.folder.snapshot_file(path)
        before, found = stamp(file), load_snapshot(file)
        planned = replace(self.options, checkpoint=found.planned(self.options.checkpoint))
        update = replace(self.update, options=planned)
        identity = _identity(update)
        found.check(self.parts, identity, override)
        adopt, data = found.measured(update.model), found.data(override)
        at = found.put(self.parts, own_rate="learning_rate" in override)
        adopt()
        self.update, self.identity, self.at, self.pending, self.useless = update, identity, at, None, ""
        self.known = replace(data, wanted=self.folder.path is not None)
        self.folder.adopt(file, at.step, before, differs=bool(override))

    def _step(self, data: Source) -> dict[str, Any]:
        """The line of metrics of one batch: its update, then validation where due, with which a
        next call goes on."""
        if self.pending is None:
            self.pending = self._trained(data)
        validation = self.options.validation
        if validation is not None and self.at.due(self.options.validate_every):
            self.pending["validation"] = validated(self.update, validation, self.at, self.parts, self.known)
        return self.pending

    def _trained(self, data: Source) -> dict[str, Any]:
        """One batch, one update."""
        at, optimizer = self.at, self.update.optimizer
        before = optimizer.steps
        metrics: dict[str, Any] = {"step": at.step + 1, "epoch": at.epoch}
        try:
            metrics |= updated(self.update, data, at, self.known, skip=self.options.on_nonfinite == "skip")
            at.advance(data.batches_per_epoch)
        except BaseException as error:  # an interrupt too
            if optimizer.steps != before:
                self.useless = f"step {metrics['step']} was cut off in the middle of its update"
            error.add_note(f"in step {at.step + 1}, batch {at.index} of epoch {at.epoch}")
            if self.folder.saved is not None:
                error.add_note(f"the last snapshot is of step {self.folder.saved}")
            raise
        return metrics

    def _write(self, metrics: dict[str, Any], tell: Callable[[str, Mapping[str, Any]], object]) -> None:
        """All that follows a step: its line, the model if it is the best, callbacks, a snapshot where it is due."""
        self.folder.add(metrics)
        self.pending = None
        if self.at.history.best_step == self.at.step:
            self.folder.save_model(self.at)
        kinds = ["step"] + ["validation"] * ("validation" in metrics) + ["epoch"] * (self.at.index == 0)
        try:
            for kind in kinds:
                tell(kind, metrics)
        except BaseException:  # whatever a callback raises, an interrupt too
            self.folder.snapshot(self.at, self._extra())
            raise
        if self.at.due(self.options.snapshot_every) or self.folder.older(self.options.snapshot_minutes):
            self.folder.snapshot(self.at, self._extra())

    def _begin(self, data: Source) -> None:
        """Check that the data are those of the run, and open its folder."""
        if self.useless:
            raise ValueError(f"Trainer.fit: {self.useless}; resume(), or train anew")
        self.known.begin(data)
        batches = data.batches_per_epoch
        if self.at.index >= batches:
            where = f"the run stands at batch {self.at.index} of an epoch, and the data have {batches}"
            raise ValueError(f"Trainer.fit: {where}; give it the same data")
        self.folder.claim()
        self.known.compare(data, self.options.validation)
        self.folder.open(self.at, self._extra())

    def _extra(self) -> dict[str, JSON]:
        return {"identity": dict(self.identity or {}), **self.known.to_json(), **self.update.costs()}

    def _reason(self, limits: Limits, interrupts: Interrupts) -> str | None:
        """Why to stop now, if at all."""
        if self.options.patience is not None and self.at.waited >= self.options.patience:
            return "early stopping"
        return limits.reason(self.at) or (None if interrupts.signal is None else "interrupted")


def _plateau(options: Options) -> OnPlateau | None:
    return options.learning_rate if isinstance(options.learning_rate, OnPlateau) else None


def _identity(update: Update) -> Identity:
    """What decides the numbers of a run."""
    options = update.options
    validation = None if options.validation is None else fingerprint(options.validation)
    named = {name: getattr(options, name) for name in ("validate_every", "patience", "on_nonfinite")}
    return update.identity() | of_settings(named, validation=validation)
