"""The training loop: batches, updates, validation, and snapshots from which a killed run goes on bit for bit."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Literal, Self

from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.problem import as_model
from rnnbp.ieee import restoring
from rnnbp.numerics import flag
from rnnbp.optim import OnPlateau, Optimizer, Schedule
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON, PathLike, json_text
from rnnbp.train.event import Event, check_callbacks
from rnnbp.train.folder import RunFolder, stamp
from rnnbp.train.history import History
from rnnbp.train.identity import Identity, of_settings
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.limits import Limits
from rnnbp.train.options import check_options, counts
from rnnbp.train.progress import progress_bar
from rnnbp.train.run_data import RunData
from rnnbp.train.snapshots import load_snapshot
from rnnbp.train.source import Source, check_source, fingerprint
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.steps import updated, validated
from rnnbp.train.updates import Update
from rnnbp.train.weights import assign


class Trainer:
    """Trains a model; a run that is killed goes on from its last snapshot, and ends with the same bits.

    Args:
        model, loss, checkpoint, chunk: as ``bptt`` takes them. A budget of bytes covers the
            optimiser's state and the best parameters too. A loss function of your own is called
            once per chunk, and its values are summed, not averaged.
        optimizer: of the model's parameters, or of some: the others stay.
        clip_value: limit of each element of the gradients.
        clip_norm: limit of the norm of all together; of both, the value goes first.
        learning_rate: a schedule of the step, from 0, or an OnPlateau, which is told the
            validation losses; by default the optimizer's own.
        validation: a source, evaluated every ``validate_every`` steps, by default at the end of
            each epoch.
        patience: the number of validations without a new lowest loss to stop after; the best
            parameters are then in the model when ``fit`` returns, whatever ended it but a signal.
        seed: of dropout, a different mask in each step.
        folder: where files go: snapshot.safetensors every ``snapshot_every`` steps, by default at
            the end of each epoch, whenever the last is ``snapshot_minutes`` old, if given, and when
            ``fit`` returns; metrics.jsonl, a line for each step; model.safetensors, the best
            parameters by validation, else those when ``fit`` returned. Meanwhile it is locked
            against other runs.
        callbacks: each is called with an ``Event`` after every step, validation and epoch, between
            the line of metrics and the snapshot. What one raises ends the run, after a snapshot;
            their own state is not in it.
        progress: whether to show a bar on stderr; None for only on a terminal.
        description: JSON for the files' metadata, as the architecture.
        on_nonfinite: what follows a batch whose data, loss, gradients or state are not finite:
            "raise" an error, or "skip" it: parameters and optimiser stay, the next batch starts
            from a fresh state, the step counts, its loss in the history is NaN, and its line of
            metrics has "skipped", how many there were so far.

    Raises TypeError or ValueError for arguments that do not fit.
    """

    @restoring
    def __init__(
        self,
        model: Any,
        optimizer: Optimizer,
        loss: LossLike,
        *,
        checkpoint: ScheduleLike = "all",
        chunk: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        learning_rate: Schedule | OnPlateau | None = None,
        validation: Source | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
        seed: int = 0,
        folder: PathLike | None = None,
        snapshot_every: int | None = None,
        snapshot_minutes: float | None = None,
        callbacks: Sequence[Callable[[Event], object]] = (),
        progress: bool | None = None,
        description: JSON = None,
        on_nonfinite: Literal["raise", "skip"] = "raise",
    ) -> None:
        self.model, self.optimizer, self.validation = as_model(model), optimizer, validation
        self.validate_every, self.snapshot_every, self.patience, chunk = counts(
            validate_every=validate_every, snapshot_every=snapshot_every, patience=patience, chunk=chunk
        )
        self.snapshot_minutes, self.callbacks = snapshot_minutes, check_callbacks(callbacks)
        self.progress = None if progress is None else flag("Trainer: progress", progress)
        self.on_nonfinite = on_nonfinite
        self.update = Update(
            self.model,
            optimizer,
            loss,
            checkpoint,
            chunk,
            clip_norm,
            clip_value,
            learning_rate,
            check_seed(seed),
            sum(p.nbytes for p in self.model.params.values()) if validation is not None else 0,
        )
        check_options(validation, validate_every, patience, learning_rate, on_nonfinite, snapshot_minutes)
        json_text("Trainer: description", description)
        plateau = learning_rate if isinstance(learning_rate, OnPlateau) else None
        self.parts = Parts.of(self.model, optimizer, plateau)
        self.folder, self.at = RunFolder(folder, self.parts, description), Standing()
        self._identity = self._identify(self.update) if folder is not None else None
        self._pending: dict[str, Any] | None = None
        self._data = RunData(wanted=folder is not None)
        self._useless, self._training = "", False

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_training": False}

    @restoring
    def fit(
        self, data: Source, *, epochs: int | None = None, steps: int | None = None, max_seconds: float | None = None
    ) -> History:
        """Train until ``epochs`` or ``steps`` have been done since the run began, or for ``max_seconds`` from now.

        Ctrl-C, SIGTERM and SIGHUP finish the step, write a snapshot and return, with the reason
        "interrupted"; a second Ctrl-C raises KeyboardInterrupt at once. A signal that comes when
        the run has ended anyway goes to the handler that was there before. Outside the main thread
        signals are left alone.

        Raises FloatingPointError for a loss, gradient, state or parameter that is not finite;
        StorageError where files cannot be written, or the folder holds another run or is in use.
        """
        limits = Limits(epochs, steps, max_seconds)
        if self._training:
            raise RuntimeError("Trainer.fit: it is training already, in a callback or another thread; wait for its end")
        interrupts, stopped = Interrupts(), None
        try:
            self._training = True
            with contextlib.closing(self.folder), interrupts:
                reason = self._run(data, limits, interrupts)
        finally:
            while self._training:  # once more, as an interrupt may have cut short how they were left
                try:
                    interrupts.restore()
                    self.folder.close()
                    self._training = False
                except KeyboardInterrupt as error:
                    stopped = error
                except BaseException:
                    self._training = False
                    raise
            if stopped is not None:
                raise stopped
        if reason != "interrupted":
            interrupts.pass_on()
        return self.at.history.copy(reason, interrupts.signal if reason == "interrupted" else None)

    def _run(self, data: Source, limits: Limits, interrupts: Interrupts) -> str:
        """Train until there is a reason to stop, which is returned."""
        self._begin(data)
        before, total = self.at.history.seconds, limits.total(data.batches_per_epoch)
        with progress_bar(self.progress, self.at.step, total) as bar:
            while True:
                if self._pending is None and (reason := self._reason(limits, interrupts)) is not None:
                    break
                metrics = self._step(data)
                self.at.history.seconds = before + limits.elapsed()
                self._write(metrics | {"seconds": self.at.history.seconds})
                if bar is not None:
                    bar.set_postfix(loss=metrics["loss"], refresh=False)
                    bar.update()
        self.at.history.seconds = before + limits.elapsed()
        self.folder.snapshot(self.at, self._extra())
        self.folder.save_model(self.at)
        if reason != "interrupted" and self.patience is not None and self.at.best_weights:
            assign("Trainer.fit", self.parts.params, self.at.best_weights)
            self._useless = "the model holds the best parameters, not the last"
        return reason

    @restoring
    def resume(self, path: PathLike | None = None, *, override: Sequence[str] = ()) -> Self:
        """Go back to a snapshot, that of the run's folder by default; ``fit`` then goes on from there.

        The Trainer must be set up, and ``fit`` be given data, as when the snapshot was written, but
        for folder, snapshot_every, snapshot_minutes, callbacks, progress, description, and a
        checkpoint that only replays: then the run ends with the bits of one that was never stopped.
        Within a budget, chunks are as they were.

        Args:
            path: a snapshot, or a folder that has one.
            override: what differs on purpose, by name: an argument of Trainer, as
                ``("learning_rate",)`` for another schedule, which then starts from its own state;
                "model", "data", "backend", "processor", "libraries"; or "everything", for the
                snapshot of an earlier version.

        Raises StorageError for a bad file, ValueError naming what differs, before anything changes.
        """
        file = self.folder.snapshot_file(path)
        before, found = stamp(file), load_snapshot(file)
        update = replace(self.update, checkpoint=found.planned(self.update.checkpoint))
        identity = self._identify(update)
        found.check(self.parts, identity, override)
        adopt, data = found.measured(self.model), found.data(override)
        at = found.put(self.parts, own_rate="learning_rate" in override)
        adopt()
        self.update, self._identity, self.at, self._pending, self._useless = update, identity, at, None, ""
        self._data = replace(data, wanted=self.folder.path is not None)
        self.folder.adopt(file, at.step, before, differs=bool(override))
        return self

    def _step(self, data: Source) -> dict[str, Any]:
        """The line of metrics of one batch: its update, then validation where due, with which a
        next call goes on."""
        if self._pending is None:
            self._pending = self._trained(data)
        if self.validation is not None and self.at.due(self.validate_every):
            self._pending["validation"] = validated(self.update, self.validation, self.at, self.parts, self._data)
        return self._pending

    def _trained(self, data: Source) -> dict[str, Any]:
        """One batch, one update."""
        at, before = self.at, self.optimizer.steps
        metrics: dict[str, Any] = {"step": at.step + 1, "epoch": at.epoch}
        try:
            metrics |= updated(self.update, data, at, self._data, skip=self.on_nonfinite == "skip")
            at.advance(data.batches_per_epoch)
        except BaseException as error:  # an interrupt too
            if self.optimizer.steps != before:
                self._useless = f"step {metrics['step']} was cut off in the middle of its update"
            error.add_note(f"in step {at.step + 1}, batch {at.index} of epoch {at.epoch}")
            if self.folder.saved is not None:
                error.add_note(f"the last snapshot is of step {self.folder.saved}")
            raise
        return metrics

    def _write(self, metrics: dict[str, Any]) -> None:
        """All that follows a step: its line, the model if it is the best, callbacks, a snapshot where it is due."""
        self.folder.add(metrics)
        self._pending = None
        if self.at.history.best_step == self.at.step:
            self.folder.save_model(self.at)
        kinds = ["step"] + ["validation"] * ("validation" in metrics) + ["epoch"] * (self.at.index == 0)
        try:
            for kind in kinds:
                for callback in self.callbacks:
                    callback(Event(kind, metrics, self))
        except BaseException:  # whatever a callback raises, an interrupt too
            self.folder.snapshot(self.at, self._extra())
            raise
        if self.at.due(self.snapshot_every) or self.folder.older(self.snapshot_minutes):
            self.folder.snapshot(self.at, self._extra())

    def _begin(self, data: Source) -> None:
        """Check that the data are those of the run, and open its folder."""
        if self._useless:
            raise ValueError(f"Trainer.fit: {self._useless}; resume(), or train anew")
        check_source("Trainer.fit: data", data)
        self._data.begin(data)
        batches = data.batches_per_epoch
        if self.at.index >= batches:
            where = f"the run stands at batch {self.at.index} of an epoch, and the data have {batches}"
            raise ValueError(f"Trainer.fit: {where}; give it the same data")
        self.folder.claim()
        self._data.compare(data, self.validation)
        self.folder.open(self.at, self._extra())

    def _extra(self) -> dict[str, JSON]:
        return {"identity": dict(self._identity or {}), **self._data.to_json(), **self.update.costs()}

    def _reason(self, limits: Limits, interrupts: Interrupts) -> str | None:
        """Why to stop now, if at all."""
        if self.patience is not None and self.at.waited >= self.patience:
            return "early stopping"
        return limits.reason(self.at) or (None if interrupts.signal is None else "interrupted")

    def _identify(self, update: Update) -> Identity:
        validation = None if self.validation is None else fingerprint(self.validation)
        named = {name: getattr(self, name) for name in ("validate_every", "patience", "on_nonfinite")}
        return update.identity() | of_settings(named, validation=validation)
