"""The training loop: batches, updates, validation, and snapshots from which a killed run goes on bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Self

from rnnbp.checks.functions import note_call
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.problem import as_model
from rnnbp.numerics import Array, flag
from rnnbp.optim import Optimizer
from rnnbp.planning.plan import Plan
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON, PathLike, json_text
from rnnbp.support import reprs
from rnnbp.support.ieee import restoring
from rnnbp.train.event import Event
from rnnbp.train.fit_call import FitCall
from rnnbp.train.history import History
from rnnbp.train.limits import Limits
from rnnbp.train.metrics import MetricsLike, as_metrics
from rnnbp.train.monitor import Mode
from rnnbp.train.named_optimizers import optimizer_of
from rnnbp.train.options import Callbacks, OnInterrupt, OnNonFinite, Options, Rate, check_on_interrupt, split_rate
from rnnbp.train.repr_of_run import shown_run
from rnnbp.train.results import evaluate_source, predict_source
from rnnbp.train.settings import setting_way, unknown
from rnnbp.train.sources import SourceLike, as_source
from rnnbp.train.trainer_attributes import Attributes
from rnnbp.train.training import Training
from rnnbp.train.updates import Update
from rnnbp.wording.arguments import Named, method_takes, takes
from rnnbp.wording.instead import TRAINER, Instead


class Trainer(Attributes, Named, Instead):
    """Trains a model; a run that is killed goes on from its last snapshot, and ends with the same bits.

    Args:
        model, loss, checkpoint, chunk: as ``bptt`` takes them. A budget of bytes covers the
            optimiser's state and the best parameters too. A loss function of your own is called
            once per chunk, and its values are summed; a mean is ``losses.PerStep(f)``.
        optimizer: of the model's parameters, or of some: the others stay; or a name, as ``fit`` takes it.
        clip_value: limit of each element of the gradients.
        clip_norm: limit of the norm of all together; of both, the value goes first.
        learning_rate: a number, which becomes the optimizer's own rate; a schedule or any function
            of the step, from 0; an OnPlateau, which is told the validation losses; by default the
            optimizer's own.
        validation: a source, or an iterable of batches as ``fit`` takes it, evaluated as by ``evaluate``
            every ``validate_every`` steps, by default at the end of each epoch.
        patience: the number of validations without a new best one to stop after.
        keep_best: whether the best parameters are in the model when ``fit`` returns, whatever ended it
            but a signal; None for only with ``patience``. A next call goes on from the last ones,
            unless others are written into the model.
        monitor: the name of the figure that decides which parameters are the best. Of validation:
            "val_loss", or "val_" and the name of one of ``metrics``, as "val_accuracy". Of training,
            without the "val_": "loss" or a metric, its mean over the batches since the validation
            before; ``validation`` may be left out then, and ``validate_every`` says how often it is
            looked at. Of equal values the first is the best; one that is not finite never is.
        mode: "max" or "min": which values are better. It is needed for a metric that is a function of
            yours; "auto" knows it of the loss, "accuracy", "mse" and "mae".
        seed: of dropout, a different mask in each step.
        folder: where files go: snapshot.safetensors every ``snapshot_every`` steps, by default at
            the end of each epoch, whenever the last is ``snapshot_minutes`` old, if given, and when
            ``fit`` ends; metrics.jsonl, a line for each step; model.safetensors, the best
            parameters, else those when ``fit`` returned. Of two runs alike,
            resumed or not, model.safetensors has the same bytes; the other two hold times. While
            ``fit`` runs it is locked against other runs.
        callbacks: each is called with an ``Event`` after every step, validation and epoch, between
            the line of metrics and the snapshot. What one raises ends the run, after a snapshot;
            their own state is not in it.
        progress: whether to show a bar, on stderr or in the cell of a notebook; None for only on a
            terminal and in a notebook. False is silent, where a run begins anew too.
        description: JSON for the files' metadata, as the architecture.
        on_nonfinite: what follows a batch whose data, loss, gradients or state are not finite:
            "raise" an error, or "skip" it: parameters and optimiser stay, the next batch starts
            from a fresh state, the step counts, its loss in the history is NaN, and its line of
            metrics has "skipped", how many there were so far.
        metrics: what is averaged over each batch and over the validation, by the mask's weights: "accuracy"
            of classes or of one output, "mse", "mae", or functions ``(y, target) -> values`` of each step
            (T, B) or each element, or a dict of these by name. A batch's are of the outputs that its loss was
            taken of, dropout included, before the update.
        accumulate: the batches that an update is made from, one after the other: its loss and
            gradients are those of one batch of all their rows, or of a function of your own the
            mean. Steps, in all counts, schedules and metrics, are updates; what is left at the end
            of an epoch makes a smaller one. It takes a second copy of the gradients.
        on_interrupt: how ``fit`` ends on Ctrl-C, SIGTERM and SIGHUP: "raise" or "return".

    The arguments are attributes too. All but model, optimizer, seed, folder and description may be
    set between two calls of ``fit``, or by a callback: they are checked as here, and hold from the
    next step on.

    Raises TypeError or ValueError for arguments that do not fit.

    >>> import numpy as np, rnnbp as rb
    >>> x = np.linspace(0, 1, 40, dtype=np.float32).reshape(8, 5, 1)
    >>> model, data = rb.Sequential(rb.RNN(1, 4), rb.Dense(4, 1)), rb.Sequences(x, x, batch_size=2)
    >>> trainer = rb.Trainer(model, rb.optim.Adam(model), rb.losses.MeanSquaredError())
    >>> trainer.fit(data, epochs=2).steps
    8
    >>> trainer.learning_rate, trainer.clip_norm = 1e-4, 1.0
    >>> trainer.fit(data, epochs=1).steps
    12
    """

    @restoring
    def __init__(
        self,
        model: Any,
        optimizer: Optimizer | str,
        loss: LossLike,
        *,
        checkpoint: ScheduleLike | Plan = "all",
        chunk: int | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        learning_rate: Rate = None,
        validation: SourceLike | None = None,
        validate_every: int | None = None,
        patience: int | None = None,
        keep_best: bool | None = None,
        monitor: str = "val_loss",
        mode: Mode = "auto",
        seed: int = 0,
        folder: PathLike | None = None,
        snapshot_every: int | None = None,
        snapshot_minutes: float | None = None,
        callbacks: Callbacks = (),
        progress: bool | None = None,
        description: JSON = None,
        on_nonfinite: OnNonFinite = "raise",
        on_interrupt: OnInterrupt = "raise",
        metrics: MetricsLike = (),
        accumulate: int = 1,
    ) -> None:
        graph, (rule, rate) = as_model(model), split_rate(learning_rate)
        optimizer = optimizer_of("Trainer", model, optimizer)
        given = Options(
            loss=loss,
            checkpoint=checkpoint,
            chunk=chunk,
            clip_norm=clip_norm,
            clip_value=clip_value,
            learning_rate=rule,
            validation=None if validation is None else as_source("Trainer: validation", validation),
            validate_every=validate_every,
            patience=patience,
            keep_best=keep_best,
            monitor=monitor,
            mode=mode,
            snapshot_every=snapshot_every,
            snapshot_minutes=snapshot_minutes,
            callbacks=callbacks,
            progress=progress,
            on_nonfinite=on_nonfinite,
            on_interrupt=on_interrupt,
            metrics=metrics,
            accumulate=accumulate,
        )
        given.monitored.check()
        update = Update(graph, optimizer, given, check_seed(seed))
        json_text("Trainer: description", description)
        if rate is not None:
            optimizer.learning_rate = rate
        self._training = Training.of(update, folder, description)

    _instead = TRAINER

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError for a name that is no setting; a subclass may have attributes of its own."""
        if type(self) is Trainer and not name.startswith("_") and not hasattr(Trainer, name):
            raise unknown(name, [field.name for field in fields(Options)])
        super().__setattr__(name, value)

    @reprs.safe
    def __repr__(self) -> str:
        return shown_run(self, self._training)

    @property
    def history(self) -> History:
        """A copy of the History so far, as ``fit`` returns it; that of a ``fit`` that was interrupted too."""
        return self._training.at.history.copy(*self._training.ended)

    @method_takes("Trainer.fit", {each.name: setting_way(each.name) for each in fields(Options)})
    @restoring
    def fit(
        self,
        data: SourceLike,
        *,
        epochs: int | None = None,
        steps: int | None = None,
        max_seconds: float | None = None,
        until_epochs: int | None = None,
        until_steps: int | None = None,
        on_interrupt: OnInterrupt | None = None,
    ) -> History:
        """Train, or go on; returns the History of the whole run.

        Args:
            data: a source, as ``Sequences``, or an iterable of (x, target) or (x, target, mask), time-first as
                ``bptt`` takes them: see ``Batches``, which is for batch-first ones.
            epochs, steps, max_seconds: how long from now; an epoch that was begun is finished first.
                After ``resume`` it is counted from where the call began that wrote the snapshot, so
                that a script that was killed, and is started again, ends where it would have.
            until_epochs, until_steps: how long in all, since the run began; the way to say it for a
                script that resumes and calls ``fit`` several times. What is reached first ends it.
            on_interrupt: as of Trainer, for this call.

        Ctrl-C, SIGTERM and SIGHUP finish the step and write a snapshot; then Ctrl-C raises
        KeyboardInterrupt, and the others SystemExit(128 + number), which end the program around it
        too, or with on_interrupt="return" it returns, with the reason "interrupted". A second
        Ctrl-C raises KeyboardInterrupt at once. A signal that comes when the run has ended anyway
        goes to the handler that was there before. Outside the main thread signals are left alone.

        Raises FloatingPointError for a loss, gradient, state or parameter that is not finite;
        StorageError where files cannot be written, or the folder holds another run or is in use. An
        error out of a run has its History as ``error.history``.
        """
        limits = Limits(epochs, steps, max_seconds, until_epochs, until_steps)
        way = self.on_interrupt if on_interrupt is None else on_interrupt
        check_on_interrupt("Trainer.fit: on_interrupt", way)
        return FitCall(self._training, limits, self._tell).run(data, way)

    def stop(self, reason: str = "stopped") -> None:
        """End the run after this step, as from another thread; ``Event.stop`` calls it.

        Raises RuntimeError where no ``fit`` is running.
        """
        if not self._training.busy:
            raise RuntimeError("Trainer.stop: nothing is training")
        self._training.stop(reason)

    @takes()
    def evaluate(self, data: SourceLike, *, metrics: MetricsLike | None = None) -> dict[str, float]:
        """ "loss" and the metrics by name, of all of a source in evaluation mode, as if it were one batch;
        but with a ``WholeSequence`` or a function the mean of the batches' values, as in ``rnnbp.evaluate``.

        Args:
            data: as ``fit`` takes it. metrics: as the Trainer takes them, by default its own.

        Raises as ``rnnbp.evaluate`` does.
        """
        options, name = self._training.options, "Trainer.evaluate"
        given = options.measured if metrics is None else as_metrics(f"{name}: metrics", metrics, options.loss)
        return evaluate_source(name, self.model, data, options.loss, given, options.chunk, self.progress)

    @takes()
    def predict(self, data: SourceLike, *, last: bool | None = None) -> Any:
        """The model's outputs of all of a source, batch-first and in the order of its data, as
        ``rnnbp.predict`` returns them.

        Args:
            data: as ``fit`` takes it; its targets are not looked at, and batches of an iterable may be x alone.
            last: True for the last step of each sequence alone; by default as the source has its targets.
        """
        return predict_source("Trainer.predict", self.model, data, last, chunk=self.chunk, progress=self.progress)

    @restoring
    def resume(self, path: PathLike | None = None, *, override: Sequence[str] = (), missing_ok: bool = False) -> Self:
        """Go back to a snapshot, that of the run's folder by default; ``fit`` then goes on from there.

        The Trainer must be set up, and ``fit`` be given data, as when the snapshot was written, but
        for folder, keep_best, snapshot_every, snapshot_minutes, callbacks, metrics
        other than the one that ``monitor`` names, progress, on_interrupt, description, and a
        checkpoint that only replays: then the run ends with the bits of one that was never
        stopped. Within a budget, chunks are as they were.

        Args:
            path: a snapshot, or a folder that has one.
            override: what differs on purpose, by name: an argument of Trainer, as
                ``("learning_rate",)`` for another schedule, which then starts from its own state;
                "model", "data", "backend", "processor", "libraries"; or "everything", for the
                snapshot of an earlier version.
            missing_ok: whether to say so, and do nothing, where there is no snapshot yet, so that ``fit`` begins.

        Raises StorageError for a bad file, ValueError naming what differs, before anything changes.
        """
        self._training.resume(path, override, missing_ok=flag("Trainer.resume: missing_ok", missing_ok))
        return self

    def _tell(self, kind: str, metrics: Mapping[str, Any], grads: Mapping[str, Array] | None) -> None:
        """Call the callbacks."""
        for callback in self.callbacks:
            try:
                callback(Event(kind, metrics, self, grads))
            except Exception as error:  # whatever the user's code raises
                note_call(error, "callbacks", callback, "event", "nothing")
                raise
