"""The training loop, with snapshots from which a killed run continues bit for bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Self

from rnnbp.bptt.networks import LossesLike
from rnnbp.checks.functions import note_call
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.numerics import Array, flag
from rnnbp.optim import Optimizer
from rnnbp.parallel import Exchange
from rnnbp.planning.plan import Plan
from rnnbp.rng import check_seed
from rnnbp.runners.rounding import Precision
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import JSON, PathLike, json_text
from rnnbp.support import reprs
from rnnbp.support.ieee import restoring
from rnnbp.train.event import Event
from rnnbp.train.fit_call import FitCall
from rnnbp.train.history import History
from rnnbp.train.limits import Limits
from rnnbp.train.metrics import MetricsLike
from rnnbp.train.monitor import Mode
from rnnbp.train.named_figures import Figures
from rnnbp.train.named_optimizers import optimizer_of
from rnnbp.train.options import (
    Callbacks,
    OnInterrupt,
    OnNonFinite,
    Options,
    Rate,
    check_on_interrupt,
    split_rate,
)
from rnnbp.train.output_losses import by_name
from rnnbp.train.repr_of_run import shown_run
from rnnbp.train.settings import setting_way, unknown
from rnnbp.train.sources import SourceLike, as_source
from rnnbp.train.trainer_attributes import Attributes
from rnnbp.train.training import Training
from rnnbp.train.updates import Update
from rnnbp.wording.arguments import Named, method_takes
from rnnbp.wording.instead import TRAINER, Instead


class Trainer(Attributes, Named, Instead):
    """Trains a model; a run that is killed resumes from its last snapshot, with the same bits.

    Args:
        model, loss, checkpoint, chunk: as ``bptt`` takes them. A budget of bytes covers the
            optimiser's state too, and with ``validation`` a copy of the parameters, the best ones,
            also without ``keep_best``, which may be set later; if it is too small for some batch
            of a ``Windows``, ``Sequences``, ``Examples`` or list, ``fit`` says so before the first
            step. It chooses the chunks, so ``chunk`` cannot go with it; how far gradients flow is
            the horizon of ``Windows``.
            A loss function of your own is called once per chunk, and its values are summed; for a
            mean use ``losses.PerStep(f)``. Of several outputs a dict of losses by name, each with a
            weight or without; "tag_loss" among the metrics is then that of the output "tag".
        optimizer: of all or some of the model's parameters (others stay as they are); or a name, as
            ``fit`` takes it.
        clip_value: limit of each element of the gradients; applied before ``clip_norm``.
        clip_norm: limit of the norm of all gradients together.
        learning_rate: a number, which becomes the optimizer's own rate; a schedule or any function
            of the step, from 0; an OnPlateau, which is updated with the validation losses; by
            default the optimizer's own.
        validation: a source, or an iterable of batches as ``fit`` takes it, evaluated as by
            ``evaluate``.
        validate_every: steps between validations; by default one at the end of each epoch.
        patience: the number of validations without a new best one to stop after.
        keep_best: True if the model has the best parameters when ``fit`` returns, after a signal
            with on_interrupt="return" too; when ``fit`` raises it has the last ones. None for only
            with ``patience``. A next call continues from the last parameters, unless others are
            written into the model.
        monitor: the name of the figure that decides which parameters are the best. Of validation:
            "val_loss", or "val_" and the name of one of ``metrics``, as "val_accuracy". Of
            training, without the "val_": "loss" or a metric, its mean over the batches since the
            last validation; ``validation`` may be left out then, and ``validate_every`` is how
            often it is checked. Of equal values the first is the best; one that is not finite never
            is.
        mode: "max" or "min": which values are better. Required for a metric that is a function of
            yours; "auto" knows it for the loss, "accuracy", "mse" and "mae".
        seed: of dropout, a different mask in each step.
        folder: the folder of the run's files: snapshot.safetensors; metrics.jsonl, a line for each
            step, where the validation loss is "validation"; model.safetensors, the best parameters,
            else those when ``fit`` returned. Of two equal runs, resumed or not, model.safetensors
            has the same bytes; the other two hold times. While ``fit`` runs it is locked against
            other runs.
        snapshot_every: steps between snapshots, by default one at the end of each epoch; there is
            always one when ``fit`` ends.
        snapshot_minutes: a snapshot is written too when the last is this old, in minutes; None for
            no such limit.
        callbacks: functions, each called with an ``Event`` after every step, validation and epoch,
            between the line of metrics and the snapshot. An exception ends the run, after a
            snapshot; the callbacks' own state is not in it.
        progress: True for a progress bar, on stderr or in the cell of a notebook; None for only on
            a terminal and in a notebook. False prints nothing, not even that a run starts afresh.
        description: JSON for the files' metadata, as the architecture.
        on_nonfinite: what to do about a batch whose data, loss, gradients or state are not finite:
            "raise" an error, or "skip" it: parameters and optimiser stay, the next batch starts
            from a fresh state, the step counts, its loss in the history is NaN, and its line of
            metrics has "skipped", the number skipped so far, and "nonfinite", why. A RuntimeWarning
            says so if a call has learned nothing for that reason.
        metrics: averages over each batch and over the validation, by the mask's weights: "accuracy"
            of classes or of one output, "mse", "mae", or functions ``(y, target) -> values`` of
            each step (T, B) or each element, or a dict of these by name. Of several outputs names
            are for those that they suit by their losses, "accuracy" for classes, the others for
            numbers, or a dict by output: {"tag": ["accuracy"]} has the name "tag_accuracy". A
            batch's are of the outputs that its loss was computed from, dropout included, before
            the update.
        accumulate: batches per update: its loss and gradients are those of one batch of all their
            rows, or for a function of your own the mean. Steps, in all counts, schedules and
            metrics, are updates; the rest of an epoch makes a smaller one. It takes a second copy
            of the gradients. Of losses by output all batches of an update are read first.
        parallel: ``rnnbp.parallel.MPI(shards=8)`` for processes that ``mpiexec`` started with the
            same script, or ``Alone``: each batch is cut by its rows into as many shards, which end
            with the same bits in any number of processes. A budget is that of one process, within
            which schedules are chosen by counts of operations; the first writes the folder.
        on_interrupt: how ``fit`` ends on Ctrl-C, SIGTERM and SIGHUP: "raise" or "return".
        precision, tape_bits: as of ``Backend``, "bfloat16" for faster products, 16 for half of the
            bytes of tapes; of what callbacks run too. Files and ``history`` name what is not exact.

    The arguments are attributes too. All but model, optimizer, seed, folder, description, precision
    and tape_bits may be set between two calls of ``fit``, or by a callback: they are checked as
    here, and hold from the next step on.

    A deep copy or a pickle, with what it is given at once, trains on with the same bits, from the
    end of the last step; only pickles of cloudpickle and joblib's workers hold lambdas.

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

    # arguments by subject: one a line would be three times as long
    @restoring
    def __init__(
        self, model: ModelLike, optimizer: Optimizer | str, loss: LossesLike, *,
        checkpoint: ScheduleLike | Plan = "all", chunk: int | None = None,
        clip_norm: float | None = None, clip_value: float | None = None, learning_rate: Rate = None,
        validation: SourceLike | None = None, validate_every: int | None = None,
        patience: int | None = None, keep_best: bool | None = None, monitor: str = "val_loss",
        mode: Mode = "auto", seed: int = 0, folder: PathLike | None = None,
        snapshot_every: int | None = None, snapshot_minutes: float | None = None,
        callbacks: Callbacks = (), progress: bool | None = None, description: JSON = None,
        on_nonfinite: OnNonFinite = "raise", on_interrupt: OnInterrupt = "raise",
        metrics: MetricsLike = (), accumulate: int = 1, parallel: Exchange | None = None,
        precision: Precision | None = None, tape_bits: int | None = None,
    ) -> None:  # fmt: skip
        graph, (rule, rate) = as_network(model), split_rate(learning_rate)
        optimizer, name = optimizer_of("Trainer", model, optimizer), "Trainer: validation"
        source = None if validation is None else as_source(name, validation)
        given = Options(
            loss=by_name(graph, loss), checkpoint=checkpoint, chunk=chunk, clip_norm=clip_norm,
            clip_value=clip_value, learning_rate=rule, validation=source, accumulate=accumulate,
            validate_every=validate_every, patience=patience, keep_best=keep_best, monitor=monitor,
            mode=mode, snapshot_every=snapshot_every, snapshot_minutes=snapshot_minutes,
            callbacks=callbacks, progress=progress, on_nonfinite=on_nonfinite,
            on_interrupt=on_interrupt, metrics=metrics, parallel=parallel,
        )  # fmt: skip
        given.monitored.check()
        update = Update(graph, optimizer, given, check_seed(seed), precision, tape_bits)
        json_text("Trainer: description", description)
        if rate is not None:
            optimizer.learning_rate = rate
        self._training = Training.of(update, folder, description)

    _instead = TRAINER

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError for a name that is not a setting, unless this is a subclass."""
        if type(self) is Trainer and not name.startswith("_") and not hasattr(Trainer, name):
            raise unknown(name, [field.name for field in fields(Options)])
        super().__setattr__(name, value)

    @reprs.safe
    def __repr__(self) -> str:
        return shown_run(self, self._training)

    @property
    def history(self) -> History:
        """A copy of the History so far, as ``fit`` returns it; after an interrupt too."""
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
        """Train, or continue; a run may take several calls.

        Args:
            data: a source, as ``Sequences``, or an iterable of (x, target) or (x, target, mask),
                time-first as ``bptt`` takes them; see ``Batches``, which is for batch-first ones.
            epochs, steps, max_seconds: how long from now; an epoch that was begun is finished
                first. After ``resume`` it is counted from the beginning of the call that wrote the
                snapshot, so that a script that was killed, and is started again, ends where it
                would have.
            until_epochs, until_steps: how long in all, since the run began; for a script that
                resumes and calls ``fit`` several times. The first limit that is reached ends the
                call.
            on_interrupt: as in Trainer, for this call.

        Returns:
            The History of the whole run.

        Ctrl-C, SIGTERM and SIGHUP finish the step and write a snapshot; then Ctrl-C raises
        KeyboardInterrupt, and the others SystemExit(128 + number), which end the program around it
        too; or with on_interrupt="return" ``fit`` returns, with the reason "interrupted". A second
        Ctrl-C raises KeyboardInterrupt at once. A signal that comes when the run has ended anyway
        goes to the previous handler. Outside the main thread signals are left alone.

        Raises FloatingPointError for a loss, gradient, state or parameter that is not finite;
        StorageError if files cannot be written, or the folder holds a different run or is in use.
        An exception out of a run has its History as ``error.history``.
        """
        limits = Limits(
            epochs, steps, max_seconds, until_epochs, until_steps, caller=self._training.caller.name
        )
        way = self.on_interrupt if on_interrupt is None else on_interrupt
        check_on_interrupt("Trainer.fit: on_interrupt", way)
        return FitCall(self._training, limits, self._tell).run(data, way)

    def stop(self, reason: str = "stopped") -> None:
        """End the run after this step; may be called from a different thread.

        Args:
            reason: the ``reason`` of the History.

        Raises RuntimeError if no ``fit`` is running.
        """
        if not self._training.busy:
            raise RuntimeError("Trainer.stop: nothing is training")
        self._training.stop(reason)

    @restoring
    def resume(
        self,
        path: PathLike | None = None,
        *,
        override: Sequence[str] = (),
        missing_ok: bool = False,
    ) -> Self:
        """Restore a snapshot, by default that of the run's folder; ``fit`` continues from there.

        The Trainer must be set up, and ``fit`` be called with data, as when the snapshot was
        written, except for folder, keep_best, snapshot_every, snapshot_minutes, callbacks, metrics
        other than the one that ``monitor`` names, progress, on_interrupt, description, and a
        checkpoint that only replays: then the run ends with the bits of one that was never stopped.
        Within a budget, chunks are as they were.

        Args:
            path: a snapshot, or a folder that has one.
            override: what differs on purpose, by name: an argument of Trainer, as
                ``("learning_rate",)`` for a different schedule, which then starts from its own
                state; "model", "data", "backend", "processor", "libraries"; or "everything", for
                the snapshot of an earlier version.
            missing_ok: True for a script that is started again and again: a note says after which
                step ``fit`` goes on, or that there is no snapshot yet, so that it starts afresh.

        Returns:
            The Trainer itself.

        Raises StorageError for a bad file, ValueError naming what differs, before anything changes.
        """
        self._training.resume(
            path, override, missing_ok=flag("Trainer.resume: missing_ok", missing_ok)
        )
        return self

    def _tell(
        self, kind: str, metrics: Mapping[str, JSON], grads: Mapping[str, Array] | None
    ) -> None:
        """Call the callbacks."""
        for callback in self.callbacks:
            try:
                callback(Event(kind, Figures(metrics), self, grads))
            except Exception as error:  # whatever the user's code raises
                note_call(error, "callbacks", callback, "event", "nothing")
                raise
