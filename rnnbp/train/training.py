"""A run of training: its state, and its way from step to step."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import TypeAlias

from rnnbp.numerics import Array
from rnnbp.optim import OnPlateau
from rnnbp.parallel.agreement import check_all, raise_in_all
from rnnbp.storage import JSON, PathLike, StorageError
from rnnbp.train.agreed import Agreed, agreed
from rnnbp.train.ahead import check_ahead
from rnnbp.train.alike import check_processes
from rnnbp.train.anew import folder_of, say_begins_anew, say_goes_on
from rnnbp.train.assigning import exchange
from rnnbp.train.by_rows import Check
from rnnbp.train.endings import Learned, put_best, warn_of_none_best
from rnnbp.train.folder import RunFolder
from rnnbp.train.identity_differences import check_override
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.judging import judged
from rnnbp.train.limits import Limits
from rnnbp.train.options import Options
from rnnbp.train.parts import Parts
from rnnbp.train.progress import progress_bar, show_step
from rnnbp.train.resuming import Resumable
from rnnbp.train.run_data import RunData
from rnnbp.train.run_identity import identity_of
from rnnbp.train.run_state import RunState
from rnnbp.train.shard_reading import check_shards
from rnnbp.train.shared_folder import SharedFolder
from rnnbp.train.source import Source
from rnnbp.train.sources import SourceLike
from rnnbp.train.stamps import is_missing
from rnnbp.train.steps import updated
from rnnbp.train.targets import check_data
from rnnbp.train.updates import Update

Tell: TypeAlias = Callable[[str, Mapping[str, JSON], Mapping[str, Array] | None], object]
"""Called with the kind of an event, its line of metrics and the gradients."""


class Training(RunState):
    """What a Trainer trains, step by step."""

    @classmethod
    def of(cls, update: Update, folder: PathLike | None, description: JSON) -> Training:
        """A run that has not begun."""
        update.spread()
        parts = Parts.of(update.model, update.optimizer, _plateau(update.options))
        files = _folder(update, folder, parts, description)
        found = cls(update, parts, files, known=RunData(wanted=folder is not None))
        found.identity = None if folder is None else identity_of(update)
        found.own_rate.note(update.optimizer)
        return found

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"busy": False, "ahead": None}

    def change(self, options: Options, rate: float | None = None) -> None:
        """Continue from the next step with other options, and another rate of the optimiser."""
        update = replace(self.update, options=options)
        update.spread()
        self.at.change(self.options, options)
        if rate is not None:
            update.optimizer.learning_rate = rate
        self.update, self.parts.plateau = update, _plateau(options)
        self.own_rate.note(update.optimizer)
        if self.folder.path is not None and (identity := identity_of(update)) != self.identity:
            self.identity = identity
            self.folder.outdate()

    def train(
        self, given: SourceLike, limits: Limits, interrupts: Interrupts, tell: Tell, *,
        returns: bool,
    ) -> str | None:  # fmt: skip
        """Train until there is a reason to stop, and return it; None for a signal.

        ``tell`` is called with each event; ``returns`` if ``fit`` returns after a signal too.
        """
        data = self.known.wrapped.source(f"{self.caller.name}: data", given, self.at.epoch)
        self._begin(data, limits)
        limits, learned = limits.counted(self.at), Learned()
        total = limits.total(self.at, data.batches_per_epoch, self.options.accumulate)
        try:
            found = self._agreed(limits, interrupts)
            done = found.reason if self.pending is None else None
            say_goes_on(self._progress, self.resumed, self.at.step, done)
            self.resumed = ""
            with progress_bar(False if done else self._progress, self.at.step, total) as bar:
                while self.pending is not None or not found.reason:
                    if self.pending is None and found.signal is not None:
                        break
                    self.own_rate.warn_if_set(self.update.optimizer, self.options)
                    learned.note(metrics := self._step(data, limits))
                    found = self._finished(metrics, limits, interrupts, tell)
                    show_step(bar, metrics)
        finally:
            self._note_time(limits)
        self.folder.snapshot(self.at, self._extra())
        self.folder.save_model(self.at)
        warn_of_none_best(self.caller.name, self.options, self.at)
        learned.warn(self.caller.name)
        if found.reason is not None or returns:
            self.last = put_best(self.caller.name, self.options, self.at, self.parts.params)
        return found.reason

    def stop(self, reason: str) -> None:
        """End after this step."""
        self.stopping = reason

    def resume(
        self, path: PathLike | None, override: Collection[str], *, missing_ok: bool,
        data: Source | None = None,
    ) -> None:  # fmt: skip
        """Go back to a snapshot, as ``Trainer.resume``; errors name ``data`` that differ too."""
        file = self.folder.snapshot_file(path)
        if is_missing(file):
            if missing_ok:
                check_override(override, identity_of(self.update))
                say_begins_anew(self._progress, file)
                return
            raise StorageError(
                f"{file} does not exist, no snapshot yet: call fit to begin, or "
                "resume(missing_ok=True)"
            )
        with self.update.rounding.held():
            found = Resumable.of(file, self.update, self.parts, override, data, self.caller)
            at = found.put(self.parts, override)
        self.own_rate.note(found.update.optimizer)
        self.update, self.identity, self.at = found.update, found.identity, at
        self.pending, self.useless, self.grads, self.last = None, "", None, {}
        self.goes_on, self.ended, self.ahead = True, ("", None), None
        self.resumed = str(folder_of(file)) if missing_ok else ""
        self.known = replace(found.data, wanted=self.folder.path is not None)
        self.folder.adopt(file, at.step, found.stamp, differs=bool(override))

    def _step(self, data: Source, limits: Limits) -> dict[str, JSON]:
        """The line of metrics of one update, with its validation if that is due.

        If the validation raises, a next call continues with it, and the line is written without it.
        """
        if self.pending is None:
            self.pending, self.grads = self._trained(data)
        try:
            if self.options.judges and self.at.due(self.options.validate_every):
                self.pending |= judged(self.update, self.at, self.parts, self.known)
        except BaseException:  # an interrupt as well
            self.folder.add(self.pending | {"seconds": self._note_time(limits)})
            raise
        return self.pending | {"seconds": self._note_time(limits)}

    def _trained(self, data: Source) -> tuple[dict[str, JSON], Mapping[str, Array] | None]:
        """One update: its metrics, and its gradients if there are callbacks that may read them."""
        at, optimizer = self.at, self.update.optimizer
        before = optimizer.steps
        metrics: dict[str, JSON] = {"step": at.step + 1, "epoch": at.epoch}
        try:
            made = updated(
                self.update, data, at, self.known, skip=self.options.on_nonfinite == "skip"
            )
            at.advance(data.batches_per_epoch, made.batches)
        except BaseException as error:  # an interrupt as well
            if optimizer.steps != before:
                self.useless = f"step {metrics['step']} was cut off in the middle of its update"
            error.add_note(f"in step {at.step + 1}, batch {at.index} of epoch {at.epoch}")
            if self.folder.saved is not None:
                error.add_note(f"the last snapshot is of step {self.folder.saved}")
            raise
        seen = self.options.callbacks and optimizer.cut is None
        return metrics | made.metrics | at.rounded(), made.grads if seen else None

    def _finished(
        self, metrics: dict[str, JSON], limits: Limits, interrupts: Interrupts, tell: Tell
    ) -> Agreed:
        """Write what a step has made, and a snapshot if it is due; how the run goes on.

        An error in one of several processes is raised in all, after a snapshot.
        """
        parallel, error = self.options.parallel, None
        try:
            self._write(metrics, tell)
        except Exception as found:  # whatever a callback raises
            if parallel is None:
                raise
            error = found
        agreed = self._agreed(limits, interrupts, failed=error is not None)
        if agreed.failed or agreed.overdue or self.at.due(self.options.snapshot_every):
            self.folder.snapshot(self.at, self._extra())
        if agreed.failed and parallel is not None:
            raise_in_all(error, parallel)
        return agreed

    def _agreed(self, limits: Limits, interrupts: Interrupts, failed: bool = False) -> Agreed:
        """How the run goes on, in all processes; a signal is known in each of them then."""
        overdue = self.folder.older(self.options.snapshot_minutes)
        own = Agreed(self._reason(limits), interrupts.signal, overdue, failed)
        found = agreed(own, self.options.parallel)
        if found.signal is not None and not found.reason:
            interrupts.signal = found.signal
        return found

    def _write(self, metrics: dict[str, JSON], tell: Tell) -> None:
        """Write the line of a step and the best model, and call callbacks."""
        self.folder.add(metrics)
        grads, self.grads, self.pending = self.grads, None, None
        if self.at.history.best_step == self.at.step:
            self.folder.save_model(self.at)
        kinds = ["step"] + ["validation"] * ("validation" in metrics)
        kinds += ["epoch"] * (self.at.index == 0)
        try:
            for kind in kinds:
                tell(kind, metrics, grads if kind == "step" else None)
        except BaseException:  # whatever a callback raises, an interrupt as well
            if self.options.parallel is None:
                self.folder.snapshot(self.at, self._extra())
            raise

    def _begin(self, data: Source, limits: Limits) -> None:
        """Check that the data are those of the run, and of all processes; open its folder."""
        check_processes(self, data, limits)
        self._together(lambda: self._check(data))
        self.folder.claim(self.caller)
        self._together(lambda: self.known.compare(data, self.options.validation, self.caller))
        self._count_from_here()
        last, self.last = self.last if self._holds_best() else {}, {}
        if last:
            exchange(self.caller.name, self.parts.params, self.at.best_weights, last)
        try:
            self.folder.open(self.at, self._extra(), pending=self.pending is not None)
        except BaseException:  # an interrupt as well: the model is as it was
            if last:
                exchange(self.caller.name, self.parts.params, last, self.at.best_weights)
                self.last = last
            raise
        self.goes_on, self.stopping, self.earlier = False, "", self.at.history.seconds

    def _together(self, action: Callable[[], None]) -> None:
        """Do something in all processes, where an error in one is raised in all."""
        parallel, error = self.options.parallel, None
        if parallel is None:
            action()
            return
        try:
            action()
        except Exception as found:  # whatever a source raises
            error = found
        check_all(error, parallel)

    def _check(self, data: Source) -> None:
        """Raise an error unless the run can go on with these data."""
        if self.useless:
            raise ValueError(f"Trainer.fit: {self.useless}; resume(), or train anew")
        self.options.monitored.check()
        check_data(self.update.model, data, self.options.validation, self.options.loss)
        self.known.begin(data, self.caller, midway=self.at.index > 0)
        batches = data.batches_per_epoch
        if self.at.index >= batches:
            place = f"{self.caller.name}: the run stands at batch {self.at.index} of an epoch"
            raise ValueError(f"{place}, and the data have {batches}; give it the same data")
        self._check_ahead(data)

    def _check_ahead(self, data: Source) -> None:
        """Hold a budget against all batches, once for the same data and settings."""
        checked, update = self.ahead or (None, None)
        if self.update.bounded and not (checked is data and update is self.update):
            check: Check = self.update.runs.check_fits
            parallel = self.options.parallel
            if parallel is not None:
                check = check_shards(self.update.model, data, check, parallel)
            check_ahead(data, self.at.epoch, check)
            self.ahead = data, self.update


def _plateau(options: Options) -> OnPlateau | None:
    return options.learning_rate if isinstance(options.learning_rate, OnPlateau) else None


def _folder(update: Update, path: PathLike | None, parts: Parts, description: JSON) -> RunFolder:
    parallel = update.options.parallel
    if parallel is None:
        return RunFolder(path, parts, description)
    return SharedFolder(path, parts, description, parallel)
