"""Attributes of a Trainer: the arguments that may be set afterwards, and others to read."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike
from rnnbp.optim import Optimizer
from rnnbp.planning.plan import Plan
from rnnbp.schedules import ScheduleLike
from rnnbp.train.folder import RunFolder
from rnnbp.train.metrics import MetricsLike
from rnnbp.train.monitor import Mode
from rnnbp.train.options import Callbacks, OnInterrupt, OnNonFinite
from rnnbp.train.settings import Fixed, RateSetting, Setting
from rnnbp.train.source import Source
from rnnbp.train.standing import Parts, Standing
from rnnbp.train.training import Training
from rnnbp.train.updates import Update


class Attributes:
    """Those of a Trainer."""

    _training: Training
    loss = Setting[LossLike]()
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
    model = Fixed[Graph](lambda run: run.update.model)
    optimizer = Fixed[Optimizer](lambda run: run.update.optimizer)
    seed = Fixed[int](lambda run: run.update.seed)
    update = Fixed[Update](lambda run: run.update)
    parts = Fixed[Parts](lambda run: run.parts)
    folder = Fixed[RunFolder](lambda run: run.folder)
    at = Fixed[Standing](lambda run: run.at)
