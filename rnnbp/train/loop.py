"""The training loop: batches, updates, validation, and snapshots from which a killed run goes on bit for bit."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.problem import as_model
from rnnbp.numerics import flag, positive_int, real_number
from rnnbp.optim import SGD, Adagrad, Adam, AdamW, OnPlateau, Optimizer, RMSProp, Schedule
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON, PathLike, json_text
from rnnbp.train.folder import SNAPSHOT, RunFolder, stamp
from rnnbp.train.history import History
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.limits import Limits
from rnnbp.train.progress import progress_bar
from rnnbp.train.snapshots import Parts, Standing, identify, load_snapshot
from rnnbp.train.source import Source, check_source, fingerprint
from rnnbp.train.updates import Update
from rnnbp.train.validation import validation_loss
from rnnbp.train.weights import assign

OPTIMIZERS: dict[str, type[Optimizer]] = {rule.kind: rule for rule in (SGD, Adagrad, RMSProp, Adam, AdamW)}


@dataclass(frozen=True, slots=True)
class Event:
    """What callbacks are called with: kind "step", "validation" or "epoch", and the line of metrics of its step."""

    kind: str
    metrics: Mapping[str, Any]
    trainer: Trainer


class Trainer:
    """Trains a model; a run that is killed goes on from its last snapshot, and ends with the same bits.

    Args:
        model: as ``bptt`` takes it. optimizer: of its parameters, or of some: the others stay. loss, checkpoint,
            chunk: as ``bptt`` takes them.
            A loss function of your own is called once per chunk, and its values are summed, not averaged.
        clip_value: limit of each element of the gradients. clip_norm: limit of the norm of all together; of
            both, the value goes first.
        learning_rate: a schedule of the step, from 0, or an OnPlateau, which is told the validation losses; by
            default the optimizer's own.
        validation: a source, evaluated every ``validate_every`` steps, by default at the end of each epoch.
        patience: stop after so many validations without a new lowest loss; the best parameters are then in the
            model when ``fit`` returns, whatever ended it but Ctrl-C.
        seed: of dropout, a different mask in each step.
        folder: where files go: snapshot.safetensors every ``snapshot_every`` steps, by default at the end of
            each epoch, whenever the last is ``snapshot_minutes`` old, if given, and when ``fit`` returns;
            metrics.jsonl, a line for each step; model.safetensors, the
            best parameters by validation, else those when ``fit`` returned.
        callbacks: each is called with an ``Event`` after every step, validation and epoch, between the line of
            metrics and the snapshot. What one raises ends the run, after a snapshot; their own state is not in it.
        progress: whether to show a bar on stderr; None for only on a terminal.
        description: JSON for the files' metadata, as the architecture.

    Raises TypeError or ValueError for arguments that do not fit.
    """

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
    ) -> None:
        self.model, self.optimizer, self.validation = as_model(model), optimizer, validation
        self.validate_every, self.snapshot_every, self.patience = validate_every, snapshot_every, patience
        self.snapshot_minutes, self.callbacks, self.progress = snapshot_minutes, tuple(callbacks), progress
        self.update = Update(
            self.model, optimizer, loss, checkpoint, chunk, clip_norm, clip_value, learning_rate, check_seed(seed)
        )
        self._check()
        json_text("Trainer: description", description)
        plateau = learning_rate if isinstance(learning_rate, OnPlateau) else None
        self.parts = Parts.of(self.model, optimizer, plateau)
        self.folder, self.at = RunFolder(folder, self.parts, description), Standing()
        self._identity = self._identify()
        self._data: str | None = None
        self._ended = self._training = False

    def fit(
        self, data: Source, *, epochs: int | None = None, steps: int | None = None, max_seconds: float | None = None
    ) -> History:
        """Train until ``epochs`` or ``steps`` have been done since the run began, or for ``max_seconds`` from now.

        Ctrl-C, SIGTERM and SIGHUP finish the step, write a snapshot and return, with the reason "interrupted"; a
        second Ctrl-C raises KeyboardInterrupt at once. Outside the main thread signals are left alone.

        Raises FloatingPointError for a loss, gradient, state or parameter
        that is not finite; StorageError where files cannot be written or the folder holds another run.
        """
        limits = Limits(epochs, steps, max_seconds)
        if self._training:
            raise RuntimeError("Trainer.fit: it is training already, in a callback or another thread; wait for its end")
        try:
            self._training = True
            with contextlib.closing(self.folder), Interrupts() as interrupts:
                reason = self._run(data, limits, interrupts)
        finally:
            self._training = False
        return self.at.history.copy(reason, interrupts.signal if reason == "interrupted" else None)

    def _run(self, data: Source, limits: Limits, interrupts: Interrupts) -> str:
        """Train until there is a reason to stop, which is returned."""
        self._begin(data)
        before, total = self.at.history.seconds, limits.total(data.batches_per_epoch)
        with progress_bar(self.progress, self.at.step, total) as bar:
            while (reason := self._reason(limits, interrupts)) is None:
                metrics = self._step(data)
                self.at.history.seconds = before + limits.elapsed()
                self._write(metrics | {"seconds": self.at.history.seconds})
                if bar is not None:
                    bar.set_postfix(loss=metrics["loss"], refresh=False)
                    bar.update()
        self.at.history.seconds = before + limits.elapsed()
        self.folder.snapshot(self.at, self._extra())
        self.folder.save_model(self.at)
        if reason != "interrupted":
            self._restore_best()
        return reason

    def resume(self, path: PathLike | None = None) -> Self:
        """Go back to a snapshot, that of the run's folder by default; ``fit`` then goes on from there.

        The Trainer must be set up, and ``fit`` be given data, as when the snapshot was written, but for
        checkpoint, folder, snapshot_every, snapshot_minutes, callbacks, progress and description.

        Raises StorageError for a bad file, ValueError naming what differs, before anything changes.
        """
        place = self.folder.path if path is None else Path(path)
        if place is None:
            raise ValueError("Trainer.resume: this Trainer has no folder; give the path of a snapshot")
        file = place / SNAPSHOT if place.is_dir() else place
        found = stamp(file)
        self.at, self._data = load_snapshot(file, self.parts, self._identity)
        self.folder.adopt(file, self.at.step, found)
        self._ended = False
        return self

    def _step(self, data: Source) -> dict[str, Any]:
        """One batch, one update, and validation where it is due; gives the line of metrics."""
        at = self.at
        metrics: dict[str, Any] = {"step": at.step + 1, "epoch": at.epoch}
        try:
            found, at.state = self.update(data.batch(at.epoch, at.index), at.state, at.step)
        except Exception as error:
            error.add_note(f"in step {at.step + 1}, batch {at.index} of epoch {at.epoch}")
            if self.folder.saved is not None:
                error.add_note(f"the last snapshot is of step {self.folder.saved}")
            raise
        at.history.losses.append(found["loss"])
        at.step += 1
        at.index += 1
        if at.index == data.batches_per_epoch:
            at.epoch, at.index = at.epoch + 1, 0
        if self.validation is not None and _due(at, self.validate_every):
            found["validation"] = self._validate(self.validation)
        return metrics | found

    def _validate(self, source: Source) -> float:
        at, past = self.at, self.at.history
        value = validation_loss(self.model, source, self.update.loss, chunk=self.update.chunk)
        if not math.isfinite(value):
            raise FloatingPointError(f"step {at.step}: the validation loss is {value}; lower the learning rate")
        past.validation_losses.append(value)
        past.validation_steps.append(at.step)
        at.waited += 1
        if past.best_loss is None or value < past.best_loss:
            past.best_loss, past.best_step, at.waited = value, at.step, 0
            at.best_weights = {name: p.copy() for name, p in self.parts.params.items()}
        if self.parts.plateau is not None:
            self.parts.plateau.update(value)
        return value

    def _write(self, metrics: dict[str, Any]) -> None:
        """All that follows a step: its line, the model if it is the best, callbacks, a snapshot where it is due."""
        self.folder.add(metrics)
        if self.at.history.best_step == self.at.step:
            self.folder.save_model(self.at)
        kinds = ["step"] + ["validation"] * ("validation" in metrics) + ["epoch"] * (self.at.index == 0)
        try:
            for kind in kinds:
                for callback in self.callbacks:
                    callback(Event(kind, metrics, self))
        except BaseException:
            self.folder.snapshot(self.at, self._extra())
            raise
        if _due(self.at, self.snapshot_every) or self.folder.older(self.snapshot_minutes):
            self.folder.snapshot(self.at, self._extra())

    def _begin(self, data: Source) -> None:
        """Check that the data are those of the run, and open its folder."""
        if self._ended:
            raise ValueError("Trainer.fit: the model holds the best parameters, not the last; resume(), or train anew")
        check_source("Trainer.fit: data", data)
        found = fingerprint(data)
        if self._data not in (None, found):
            raise ValueError(f"Trainer.fit: the run began on other data: {self._data}, not {found}; give it the same")
        if self.at.index >= data.batches_per_epoch:
            raise ValueError(
                f"Trainer.fit: the run stands at batch {self.at.index} of an epoch, and the data have "
                f"{data.batches_per_epoch}; give it the same data"
            )
        self._data = found
        self.folder.open(self.at, self._extra())

    def _extra(self) -> dict[str, JSON]:
        return {"identity": self._identity, "data": self._data}

    def _restore_best(self) -> None:
        if self.patience is not None and self.at.best_weights:
            assign("Trainer.fit", self.parts.params, self.at.best_weights)
            self._ended = True

    def _reason(self, limits: Limits, interrupts: Interrupts) -> str | None:
        """Why to stop now, if at all."""
        if self.patience is not None and self.at.waited >= self.patience:
            return "early stopping"
        return limits.reason(self.at) or (None if interrupts.signal is None else "interrupted")

    def _identify(self) -> dict[str, JSON]:
        """What must be the same in a run that goes on from a snapshot of this one."""
        settings: dict[str, Any] = {name: getattr(self, name) for name in ("validate_every", "patience")}
        settings["validation"] = None if self.validation is None else fingerprint(self.validation)
        return identify(settings | self.update.settings())

    def _check(self) -> None:
        """Raise for arguments that do not fit together."""
        params = self.model.params
        if self.progress is not None:
            flag("Trainer: progress", self.progress)
        if self.validation is not None:
            check_source("Trainer: validation", self.validation)
        if not isinstance(self.optimizer, Optimizer):
            raise TypeError(f"Trainer: optimizer must be of rnnbp.optim, found {self.optimizer!r}; as Adam(model)")
        for name, p in self.optimizer.params.items():
            if params.get(name) is not p:
                raise ValueError(f"Trainer: the optimizer's {name!r} is not of this model; build it as Adam(model)")
        for name in ("validate_every", "snapshot_every", "patience"):
            if (value := getattr(self, name)) is not None:
                setattr(self, name, positive_int(f"Trainer: {name}", value))
        if self.snapshot_minutes is not None:
            real_number("Trainer: snapshot_minutes", self.snapshot_minutes, above=0, cure="None writes none by time")
        if self.validation is None:
            needing = [name for name in ("validate_every", "patience") if getattr(self, name) is not None]
            needing += ["learning_rate=OnPlateau"] * isinstance(self.update.learning_rate, OnPlateau)
            if needing:
                raise ValueError(f"Trainer: {', '.join(needing)} needs validation losses; give validation=, a source")


def fit(
    model: Any,
    data: Source,
    loss: LossLike,
    optimizer: Optimizer | str = "adam",
    *,
    lr: float | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    max_seconds: float | None = None,
    **options: Any,
) -> History:
    """Train a model: ``Trainer(model, optimizer, loss, **options).fit(data, ...)``.

    ``optimizer`` may be a name, "sgd", "adagrad", "rmsprop", "adam" or "adamw", with its learning rate ``lr``.
    Raises as Trainer does.
    """
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZERS:
            raise ValueError(f"fit: optimizer is one of {', '.join(map(repr, OPTIMIZERS))}, found {optimizer!r}")
        optimizer = OPTIMIZERS[optimizer](model, **({} if lr is None else {"lr": lr}))  # type: ignore[arg-type]
    elif lr is not None:
        raise ValueError("fit: lr goes with the name of an optimizer; set it in the one that you give")
    return Trainer(model, optimizer, loss, **options).fit(data, epochs=epochs, steps=steps, max_seconds=max_seconds)


def _due(at: Standing, every: int | None) -> bool:
    """Whether something is due after this step: every so many steps, or at the end of an epoch."""
    return at.index == 0 if every is None else at.step % every == 0
