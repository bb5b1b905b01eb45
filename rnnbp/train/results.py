"""A model over a whole source: its loss, its metrics, its outputs in the order of the data."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial

import numpy as np

from rnnbp.bptt.inference import predict as predict_batch
from rnnbp.bptt.networks import LossesLike
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.weighted import of_steps
from rnnbp.numerics import flag
from rnnbp.rng import check_seed, fold
from rnnbp.train.averages import Averages, Metric
from rnnbp.train.carried import going_on
from rnnbp.train.data import Sequences
from rnnbp.train.examples import Examples
from rnnbp.train.input_checks import check_inputs
from rnnbp.train.origins import note_origin
from rnnbp.train.outputs import Collected, EachOutput
from rnnbp.train.progress import bar_of_batches
from rnnbp.train.row_options import RowOptions, row_options
from rnnbp.train.source import Batch, Source, check_batch
from rnnbp.train.sources import SourceLike, as_source, epoch_of
from rnnbp.train.validation import validation_loss
from rnnbp.train.windows import Windows


def evaluate_source(
    what: str,
    model: ModelLike,
    data: SourceLike,
    loss: LossesLike,
    metrics: tuple[Metric, ...],
    chunk: int | None = None,
    progress: bool | None = None,
) -> dict[str, float]:
    """The "loss" and the metrics by name, over an epoch of a source, as if it were one batch."""
    found = Averages(metrics)
    source = as_source(f"{what}: data", data)
    value = validation_loss(
        model, source, loss, chunk=chunk, measured=found, progress=progress, warn=True
    )
    return {"loss": value, **found.values()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Passes:
    """How a model is run over the batches of a source; the fields are arguments of ``predict``."""

    chunk: int | None = None
    training: bool = False
    seed: int = 0
    progress: bool | None = None


def predict_source(
    what: str, model: ModelLike, data: SourceLike, last: bool | None, how: Passes
) -> Collected:
    """y of all of a source, in the order of its data, as ``predict`` describes it."""
    source = _in_order(as_source(f"{what}: data", data))
    last = _last_of(source) if last is None else flag(f"{what}: last", last)
    if last and isinstance(source, Windows):
        raise ValueError(
            f"{what}: last=True is for sequences; the windows of a stream go on, leave it out"
        )
    graph = as_network(model)
    check_inputs(graph, source)
    seed, outputs, state = check_seed(how.seed), EachOutput(what, source, graph, last=last), None
    run = partial(
        predict_batch, model, chunk=how.chunk, last=last, training=how.training, progress=False
    )
    with bar_of_batches("predict", how.progress, source) as bar:
        for index, batch in enumerate(epoch_of(source, targets=False)):
            _check(what, batch, index, last=last)
            given = None if batch.fresh else going_on(graph, state)
            try:
                seed_of = fold(seed, index)
                y, state = run(batch.x, state=given, seed=seed_of, **_reading(graph, batch))
            except Exception as error:  # whatever a model raises
                note_origin(error, source, 0, index)
                error.add_note(f"in batch {index} of {what}")
                raise
            outputs.add(y, fresh=batch.fresh)
            if bar is not None:
                bar.update(1)
    return outputs.joined()


class _Reading(RowOptions):
    mask: SeriesLike


def _reading(graph: Graph, batch: Batch) -> _Reading:
    """Where rows end: by lengths, or for a model of one direction by the mask."""
    options = row_options(graph, batch)
    if options or is_over_time(graph):
        return {"mask": None, **options}
    mask = batch.mask
    return {"mask": of_steps(mask) if isinstance(mask, np.ndarray) and mask.ndim > 2 else mask}


def _check(what: str, batch: Batch, index: int, *, last: bool) -> None:
    """Raise ValueError for a batch that continues, where outputs are those of last steps."""
    check_batch(batch)
    if last and not batch.fresh:
        raise ValueError(
            f"{what}: last=True, but batch {index} goes on from the one before; leave it out"
        )


def _in_order(source: Source) -> Source:
    """A source whose batches come in the order of its data."""
    if not isinstance(source, (Sequences, Examples)) or not source.shuffle:
        return source
    found = copy.copy(source)
    found.shuffle = False
    return found


def _last_of(source: Source) -> bool:
    """True if a source has one target for each sequence."""
    layout = getattr(source, "layout", source)
    return getattr(layout, "last", False) is True
