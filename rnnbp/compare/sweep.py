"""Every schedule under several budgets on one model and length."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_info

from rnnbp.bptt import BudgetError, calibrate
from rnnbp.bptt.networks import Data, LengthsLike, LossesLike, Reading, is_network
from rnnbp.compare.choices import SCHEDULES, Choice, Chooser, Key, Why
from rnnbp.compare.measure import Bench, Measured
from rnnbp.compare.network_choices import NetworkChooser
from rnnbp.compare.row_texts import shown
from rnnbp.compare.rows import SLOWEST, LeftOut, Row
from rnnbp.compare.sweep_arguments import SHARES, Given, checked, chunk_length, plain_inputs
from rnnbp.compare.table import Comparison
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike
from rnnbp.inputs.models import as_model, as_network
from rnnbp.inputs.objective import LossLike
from rnnbp.numerics import flag, optional_flag, positive_int
from rnnbp.runners.backend import as_backend
from rnnbp.schedules import All
from rnnbp.storage import JSON
from rnnbp.support.ieee import ieee
from rnnbp.support.version import VERSION
from rnnbp.train.progress import progress_bar
from rnnbp.wording.arguments import takes


@takes()
@ieee
def sweep(
    model: ModelLike,
    x: InputsLike,
    target: SeriesLike,
    loss: LossesLike,
    *,
    shares: Sequence[float] = SHARES,
    schedules: Sequence[str] = SCHEDULES,
    chunk: int | None = None,
    repeats: int = 3,
    seed: int = 0,
    dx: bool = True,
    progress: bool | None = False,
    mask: SeriesLike = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> Comparison:
    """Run every schedule under every budget, with the parameters predicted to be fastest.

    Args:
        model, x, target, loss, seed: as ``bptt`` takes them; x is copied to C order and the model's
            dtype.
        shares: budgets in percent of the bytes of full caching in chunks of ``chunk``, by default
            32: of arrays alone, while the budget of ``plan`` has room for Python's objects too.
        schedules: names out of ``SCHEDULES``; and "plan-16", what the planner chooses with
            ``Backend(tape_bits=16)``, whose gradients are not those of full caching.
        chunk: steps in a chunk, for all schedules but the planner's; None lets each choose.
        repeats: timed runs of each schedule, alternated with full caching.
        dx: False leaves the gradient by x out of every run, as training does.
        progress: True for a progress bar on stderr; None shows it on a terminal and in a notebook
            only.
        mask, lengths, reset: as ``bptt`` takes them, of a network over time. Its sweeps have
            schedules of one kind, and chunks of one length, by default the shortest that ``bptt``
            has; budgets are of all of them, steps are summed.

    Returns:
        A ``Comparison``. Its ratios are to full caching in chunks of ``chunk``, by default as
        ``bptt`` runs if nothing is said; below 1 is faster, mostly by longer chunks. A schedule
        that is predicted to take over 20 times as long as full caching is left out.

    Raises BudgetError if nothing fits, ValueError or TypeError for impossible options, and what
    ``bptt`` raises.

    >>> import numpy as np, rnnbp as rb
    >>> x, target = np.zeros((8, 2, 1), np.float32), np.zeros((8, 2, 2), np.float32)
    >>> model, loss = rb.Sequential(rb.RNN(1, 2)), rb.losses.MeanSquaredError()
    >>> how = {"shares": [100], "schedules": ["all"], "chunk": 4, "repeats": 1}
    >>> [row.choice.name for row in rb.compare.sweep(model, x, target, loss, **how).rows]
    ['all']
    """
    shares, schedules = checked(shares, schedules)
    repeats = positive_int("sweep: repeats", repeats)
    optional_flag("sweep: progress", progress)
    data, reading = Data(x, target, loss, mask), Reading(lengths=lengths, reset=reset, seed=seed)
    chooser, cached, bench, steps = _problem(model, data, reading, chunk, dx=flag("sweep: dx", dx))
    found = _within(chooser, cached, shares, schedules)
    measured = _measured(bench, [cached, *(choice for *_, choice in found)], repeats, progress)
    return Comparison(
        _about(model, steps, loss, cached.chunk, repeats),
        steps.steps,
        _row(cached, 100, cached.forecast.peak_bytes, cached, measured),
        *_rows(found, cached, measured),
    )


class _Steps(NamedTuple):
    steps: int
    batch: int


class _Problem(NamedTuple):
    """What is compared: what chooses, full caching, what runs, and T and B."""

    chooser: Chooser | NetworkChooser
    cached: Choice
    bench: Bench
    steps: _Steps


def _problem(
    model: ModelLike, data: Data, reading: Reading, chunk: int | None, *, dx: bool
) -> _Problem:
    """What is compared of a model. Raises as ``bptt`` does."""
    graph, rows = as_network(model), {"lengths": reading.lengths, "reset": reading.reset}
    if is_network(graph, data.loss, **rows):
        return _of_network(graph, data, reading, chunk, dx=dx)
    return _of_one(model, data, reading.seed, chunk, dx=dx)


def _of_one(model: ModelLike, data: Data, seed: int, chunk: int | None, *, dx: bool) -> _Problem:
    """Of a model of one sweep. Raises TypeError for a mask, which forecasts do not take."""
    if data.mask is not None:
        raise TypeError(
            "sweep: mask= is for networks over time; of this model leave it out, bytes and seconds "
            "are the same"
        )
    graph = as_model(model)
    given = plain_inputs(graph, data.x)
    length = chunk_length(graph, chunk, given)
    chooser = _chooser(model, data.loss, given, None if chunk is None else length, dx=dx)
    cached = chooser.choice("all", "", All(math.ceil(given.steps / length)), length)
    bench = Bench((model, given.x, data.target, data.loss), seed, cached, dx=dx)
    return _Problem(chooser, cached, bench, _Steps(given.steps, given.batch))


def _of_network(
    graph: Graph, data: Data, reading: Reading, chunk: int | None, *, dx: bool
) -> _Problem:
    """Of a network over time, whose steps are those of all sweeps."""
    if chunk is not None:
        chunk = positive_int("sweep: chunk", chunk)
    chooser = NetworkChooser(graph, data, reading, chunk, dx=dx)
    given = {"mask": data.mask, "lengths": reading.lengths, "reset": reading.reset}
    rows = {name: value for name, value in given.items() if value is not None}
    cached, problem = chooser.cached(), (graph, data.x, data.target, data.loss)
    bench = Bench(problem, reading.seed, cached, dx=dx, rows=rows)
    return _Problem(chooser, cached, bench, _Steps(chooser.steps, chooser.network.batch))


def _rows(
    found: Iterable[tuple[float, str, int, Choice | Why]],
    cached: Choice,
    measured: Mapping[Key, Measured],
) -> tuple[tuple[Row, ...], tuple[LeftOut, ...]]:
    """The rows of what is measured, and what is left out."""
    rows, left_out = [], []
    for share, name, n, choice in found:
        if isinstance(choice, Choice):
            rows.append(_row(choice, share, n, cached, measured))
        else:
            left_out.append(LeftOut(name, share, n, choice))
    return tuple(rows), tuple(left_out)


def _within(
    chooser: Chooser | NetworkChooser,
    cached: Choice,
    shares: Sequence[float],
    schedules: Sequence[str],
) -> list[tuple[float, str, int, Choice | Why]]:
    """(share, name, bytes, choice) of each; of a schedule that is left out, why.

    Raises BudgetError if none does.
    """
    slowest = SLOWEST * (cached.forecast.seconds or math.inf)
    budgets = {share: math.floor(cached.forecast.peak_bytes * share / 100) for share in shares}
    found = [
        (share, name, n, chooser.best(name, n, slowest))
        for share, n in budgets.items()
        for name in schedules
    ]
    if not any(isinstance(choice, Choice) for *_, choice in found):
        most = f"{shown(budgets[shares[-1]])}, {shares[-1]:g} % of full caching"
        raise BudgetError(
            f"sweep: no schedule fits in {most}; give a larger share or a longer sequence"
        )
    return found


def _chooser(model: ModelLike, loss: LossLike, x: Given, chunk: int | None, *, dx: bool) -> Chooser:
    """What chooses by costs that are measured here."""
    costs = calibrate(model, batch=x.batch, x_shape=x.shapes)
    return Chooser(model, loss, x.steps, x.batch, x.shapes, costs, chunk, dx=dx)


def _row(
    choice: Choice, share: float, budget: int, cached: Choice, measured: Mapping[Key, Measured]
) -> Row:
    predicted, reference = choice.forecast.seconds or 0.0, cached.forecast.seconds or 1.0
    return Row(choice, share, budget, predicted / reference, measured[choice.key])


def _measured(
    bench: Bench, choices: Iterable[Choice | Why], repeats: int, progress: bool | None
) -> dict[Key, Measured]:
    """Each choice by its key; the same actions, by whatever name or budget, are measured once."""
    distinct = {choice.key: choice for choice in choices if isinstance(choice, Choice)}
    found: dict[Key, Measured] = {}
    bench.run(bench.reference)  # The first run of all pays for pages and threads.
    with progress_bar(progress, 0, len(distinct) * (1 + repeats), " runs") as bar:
        for key, choice in distinct.items():
            for result in bench.measure(choice, repeats):
                if result is not None:
                    found[key] = result
                elif bar is not None:
                    bar.update()
    return found


def _about(
    model: ModelLike, x: _Steps, loss: LossesLike, chunk: int, repeats: int
) -> dict[str, JSON]:
    """What the figures depend on, as far as it can be named."""
    threads = {int(pool["num_threads"]) for pool in threadpool_info() if pool["user_api"] == "blas"}
    graph = as_network(model)
    return {
        "model": repr(model),
        "parameters": sum(array.size for array in graph.params.values()),
        "dtype": str(graph.dtype),
        "loss": repr(loss),
        "steps": x.steps,
        "batch": x.batch,
        "chunk of full caching": chunk,
        "repeats": repeats,
        "backend": repr(as_backend(None)),
        "threads of matrix products": max(threads, default=1),
        "versions": f"rnnbp {VERSION}, NumPy {np.__version__}, Python {platform.python_version()}",
    }
