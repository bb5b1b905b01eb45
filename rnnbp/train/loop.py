"""The training loop: batches, updates, validation, and snapshots from which a killed run goes on bit for bit."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

from rnnbp.bptt.objective import LossLike
from rnnbp.bptt.planner import Plan
from rnnbp.bptt.problem import as_model
from rnnbp.graph import Graph
from rnnbp.optim import OnPlateau, Optimizer, Schedule
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON, PathLike, json_text
from rnnbp.train.event import Event
from rnnbp.train.folder import RunFolder
from rnnbp.train.history import History
from rnnbp.train.interrupts import Interrupts
from rnnbp.train.limits import Limits
from rnnbp.train.options import Callbacks, OnNonFinite, Options
from rnnbp.train.settings import Fixed, Setting, unknown
from rnnbp.train.source import Source
from rnnbp.train.sources import SourceLike, as_source
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.training import Training
from rnnbp.train.updates import Update


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
        validation: a source, or an iterable of batches as ``fit`` takes it, evaluated every
            ``validate_every`` steps, by default at the end of each epoch.
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

    def __init__(
        self,
        model: Any,
        optimizer: Optimizer,
        loss: LossLike,
        *,
        checkpoint: ScheduleLike | Plan = "all",
        chunk: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        learning_rate: Schedule | OnPlateau | None = None,
        validation: SourceLike | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
        seed: int = 0,
        folder: PathLike | None = None,
        snapshot_every: int | None = None,
        snapshot_minutes: float | None = None,
        callbacks: Callbacks = (),
        progress: bool | None = None,
        description: JSON = None,
        on_nonfinite: OnNonFinite = "raise",
    ) -> None:
        graph = as_model(model)
        given = Options(
            loss=loss,
            checkpoint=checkpoint,
            chunk=chunk,
            clip_norm=clip_norm,
            clip_value=clip_value,
            learning_rate=learning_rate,
            validation=None if validation is None else as_source("Trainer: validation", validation),
            validate_every=validate_every,
            patience=patience,
            snapshot_every=snapshot_every,
            snapshot_minutes=snapshot_minutes,
            callbacks=callbacks,
            progress=progress,
            on_nonfinite=on_nonfinite,
        )
        update = Update(graph, optimizer, given, check_seed(seed))
        json_text("Trainer: description", description)
        self._training, self._busy = Training.of(update, folder, description), False

    loss = Setting[LossLike]()
    checkpoint = Setting[ScheduleLike | Plan]()
    chunk = Setting[int | None]()
    clip_norm = Setting[float | None]()
    clip_value = Setting[float | None]()
    learning_rate = Setting[Schedule | OnPlateau | None]()
    validation = Setting[Source | None]()
    validate_every = Setting[int | None]()
    patience = Setting[int | None]()
    snapshot_every = Setting[int | None]()
    snapshot_minutes = Setting[float | None]()
    callbacks = Setting[Callbacks]()
    progress = Setting[bool | None]()
    on_nonfinite = Setting[OnNonFinite]()
    model = Fixed[Graph](lambda run: run.update.model)
    optimizer = Fixed[Optimizer](lambda run: run.update.optimizer)
    seed = Fixed[int](lambda run: run.update.seed)
    update = Fixed[Update](lambda run: run.update)
    parts = Fixed[Parts](lambda run: run.parts)
    folder = Fixed[RunFolder](lambda run: run.folder)
    at = Fixed[Standing](lambda run: run.at)

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError for a name that is no setting; a subclass may have attributes of its own."""
        if type(self) is Trainer and not name.startswith("_") and not hasattr(Trainer, name):
            raise unknown(name, [field.name for field in fields(Options)])
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_busy": False}

    def fit(
        self, data: SourceLike, *, epochs: int | None = None, steps: int | None = None, max_seconds: float | None = None
    ) -> History:
        """Train until ``epochs`` or ``steps`` have been done since the run began, or for ``max_seconds`` from now.

        ``data`` is a source, as ``Sequences``, or an iterable of (x, target) or (x, target, mask), time-first
        as ``bptt`` takes them: see ``Batches``, which is for batch-first ones.

        Ctrl-C, SIGTERM and SIGHUP finish the step, write a snapshot and return, with the reason
        "interrupted"; a second Ctrl-C raises KeyboardInterrupt at once. A signal that comes when
        the run has ended anyway goes to the handler that was there before. Outside the main thread
        signals are left alone.

        Raises FloatingPointError for a loss, gradient, state or parameter that is not finite;
        StorageError where files cannot be written, or the folder holds another run or is in use.
        """
        limits = Limits(epochs, steps, max_seconds)
        if self._busy:
            raise RuntimeError("Trainer.fit: it is training already, in a callback or another thread; wait for its end")
        interrupts = Interrupts()
        try:
            self._busy = True
            with contextlib.closing(self.folder), interrupts:
                reason = self._training.train(data, limits, interrupts, self._tell)
        finally:
            self._busy = False
            interrupts.restore()  # once more, as an interrupt may have cut short how they were left
            self.folder.close()
        if reason != "interrupted":
            interrupts.pass_on()
        return self.at.history.copy(reason, interrupts.signal if reason == "interrupted" else None)

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
        self._training.resume(path, override)
        return self

    def _tell(self, kind: str, metrics: Mapping[str, Any]) -> None:
        """Call the callbacks."""
        for callback in self.callbacks:
            callback(Event(kind, metrics, self))
