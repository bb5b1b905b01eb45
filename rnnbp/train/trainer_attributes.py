"""Attributes of a Trainer: its arguments, to set or to read, and what it measures."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt.networks import LossesLike
from rnnbp.graph.graph import Graph
from rnnbp.optim import Optimizer
from rnnbp.parallel import Exchange
from rnnbp.planning.plan import Plan
from rnnbp.runners.rounding import Precision
from rnnbp.schedules import ScheduleLike
from rnnbp.train.folder import RunFolder
from rnnbp.train.listed_sequences import sequences_of
from rnnbp.train.metrics import MetricsLike, as_metrics
from rnnbp.train.monitor import Mode
from rnnbp.train.options import Callbacks, OnInterrupt, OnNonFinite
from rnnbp.train.output_losses import by_name
from rnnbp.train.parts import Parts
from rnnbp.train.results import Passes, evaluate_source, predict_source
from rnnbp.train.settings import Fixed, HasTraining, RateSetting, Setting
from rnnbp.train.source import Source
from rnnbp.train.sources import SourceLike
from rnnbp.train.standing import Standing
from rnnbp.train.training import Training
from rnnbp.train.updates import Update
from rnnbp.wording.arguments import method_takes


class LossSetting(Setting[LossesLike]):
    """The loss; of several outputs by their names."""

    def __set__(self, trainer: HasTraining, value: LossesLike) -> None:
        super().__set__(trainer, by_name(trainer._training.update.model, value))


class Attributes:
    """The attributes of a Trainer, and its methods that change nothing."""

    _training: Training
    loss = LossSetting()
    checkpoint = Setting[ScheduleLike | Plan]()
    chunk = Setting[int | None]()
    clip_norm = Setting[float | None]()
    clip_value = Setting[float | None]()
    learning_rate = RateSetting()
    validation = Setting[Source | None]()
    validate_every = Setting[int | None]()
    patience = Setting[int | None]()
    keep_best = Setting[bool | None]()
    monitor = Setting[str]()
    mode = Setting[Mode]()
    snapshot_every = Setting[int | None]()
    snapshot_minutes = Setting[float | None]()
    callbacks = Setting[Callbacks]()
    metrics = Setting[MetricsLike]()
    progress = Setting[bool | None]()
    on_nonfinite = Setting[OnNonFinite]()
    on_interrupt = Setting[OnInterrupt]()
    accumulate = Setting[int]()
    parallel = Fixed[Exchange | None](lambda run: run.options.parallel)
    model = Fixed[Graph](lambda run: run.update.model)
    optimizer = Fixed[Optimizer](lambda run: run.update.optimizer)
    seed = Fixed[int](lambda run: run.update.seed)
    precision = Fixed[Precision | None](lambda run: run.update.precision)
    tape_bits = Fixed[int | None](lambda run: run.update.tape_bits)
    update = Fixed[Update](lambda run: run.update)
    parts = Fixed[Parts](lambda run: run.parts)
    folder = Fixed[RunFolder](lambda run: run.folder)
    at = Fixed[Standing](lambda run: run.at)

    @method_takes("Trainer.evaluate", {})
    def evaluate(self, data: SourceLike, *, metrics: MetricsLike | None = None) -> dict[str, float]:
        """The loss and the metrics of a source in evaluation mode, as if it were one batch.

        Args:
            data: as ``fit`` takes it.
            metrics: as the Trainer takes them, by default its own.

        Returns:
            A dict of "loss" and the metrics. For a ``WholeSequence`` or a function the loss is the
            mean of the batches' values, as in ``rnnbp.evaluate``.

        Raises as ``rnnbp.evaluate`` does.
        """
        options, name = self._training.options, "Trainer.evaluate"
        given = (
            options.measured
            if metrics is None
            else as_metrics(f"{name}: metrics", metrics, options.loss)
        )
        with self.update.rounding.held():
            return evaluate_source(
                name, self.model, data, options.loss, given, options.chunk, self.progress
            )

    @method_takes("Trainer.predict", {})
    # Any: an array, or a list for recordings
    def predict(self, data: SourceLike, *, last: bool | None = None) -> Any:
        """The model's outputs for a source, batch-first and in the order of its data.

        Args:
            data: as ``fit`` takes it; its targets are ignored, and batches of an iterable may be x
                alone. Or a list of sequences (T_k, ...), as ``rnnbp.predict`` takes it.
            last: True for the last step of each sequence alone; by default as the targets are
                placed.

        Returns:
            y as ``rnnbp.predict`` returns it for a source.
        """
        how = Passes(chunk=self.chunk, progress=self.progress)
        source = sequences_of(self.model, data)
        with self.update.rounding.held():
            return predict_source("Trainer.predict", self.model, source, last, how)
