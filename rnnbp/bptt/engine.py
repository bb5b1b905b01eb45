"""Backpropagation through time, within a schedule or a budget."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.networks import (
    ChunkLike,
    Data,
    Keeping,
    LengthsLike,
    LossesLike,
    Reading,
    chunk_of_sweep,
    is_network,
    networks,
)
from rnnbp.bptt.progress import progress_of
from rnnbp.bptt.resolve import Asked, Resolved, resolve
from rnnbp.bptt.results import Gradients
from rnnbp.bptt.run import Run
from rnnbp.bptt.series_options import SeriesOptions
from rnnbp.bptt.shape_warnings import note_problem
from rnnbp.graph.model_split import lasting
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike, StateLike
from rnnbp.inputs.horizon import check_horizon
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import Objective
from rnnbp.inputs.padding import lost_rows
from rnnbp.inputs.passed import parts_of
from rnnbp.inputs.pose import pose
from rnnbp.memory_pool import reuse
from rnnbp.numerics import flag
from rnnbp.planning.chosen_chunks import chunk_of_run
from rnnbp.planning.plan import Plan
from rnnbp.planning.possible import check_possible
from rnnbp.rng import check_seed
from rnnbp.runners.as_python import warn_of_python
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.schedules import ScheduleLike
from rnnbp.storage import PathLike
from rnnbp.support.ieee import ieee
from rnnbp.support.prepared import prepared
from rnnbp.wording.arguments import takes


@takes()
@by_numpy_where_refused
@ieee
def bptt(
    model: ModelLike, x: InputsLike, target: SeriesLike, loss: LossesLike, *,
    checkpoint: ScheduleLike | Plan = "all", chunk: ChunkLike = None, state: StateLike = None,
    mask: SeriesLike = None, seed: int = 0, backend: BackendLike = None,
    horizon: int | None = None, training: bool = True, dx: bool | None = None,
    steps: int | None = None, folder: PathLike | None = None, progress: bool | None = None,
    return_y: bool = False, dstate: StateLike = None, lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> Gradients:  # fmt: skip
    """Loss and gradients of a sequence, by backpropagation through time within a schedule.

    Source: Werbos 1990.

    Args:
        model: a Sequential, Graph, Recurrent or layer. Of one with several outputs target, loss and
            mask are tuples with one for each, or dicts by their names; so are ``y`` and ``losses``
            of the result.
        x: (T, B, features) floats, or (T, B) integers for an Embedding. Never written to; may be
            read-only, strided or memory-mapped; or a stream, an iterator of pieces (any number of
            steps, B, ...), which is read once and kept in a file, so that memory holds a chunk of
            it at a time. Of a model of several inputs a tuple of these in order, or a dict by
            name; an input that is ``per="sequence"`` is an array (B, ...).
        target: (T, B, ...), or None, as the loss takes it; may be mapped or a stream too, as may
            mask.
        loss: one of ``rnnbp.losses``, a mean over all unmasked elements of the sequence; or your
            own, see ``help(rnnbp.losses)``: ``PerStep(f)``, ``WholeSequence(f)``, or a function
            ``(y, target) -> (value, dy)``, called once per chunk, whose values are summed. That
            these add up over steps is checked once, on the first chunk and its two halves, if there
            are several chunks. With a mask of 0 and 1 it is called with the steps that count, (N,
            1, ...), or, if it takes a third argument, ``(y, target, mask)``. Forecasts and budgets
            assume that it needs two temporary arrays of y's size apart from dy; an attribute of the
            function, as ``loss.spare = 0``, declares a different number.
            Penalties on parameters are added: ``loss + rb.losses.L2(1e-4, "*.weight*")``; those on
            values are layers, ``rb.Penalty``. Of several outputs one each, None for what is not
            trained, with weights if wanted: ``{"tag": 0.5 * CrossEntropy(), "class": ...}`` or
            ``(0.5, loss)``; the loss is their sum.
        checkpoint: "all", "sqrt", a schedule, a function from the number of chunks to a schedule, a
            budget of bytes as "64 MB", or a Plan. Gradients are the same bits under every schedule
            that only replays, at the same chunk length; a budget chooses that too, by measured
            costs: for the same bits in a different process pass a Plan that was computed with the
            same ``costs``.
        chunk: steps in a chunk. By default 32, or in sequences of more than 512 steps as many as
            make a hundred million operations forward (with ``lengths`` at least 64), up to a
            sixteenth of the sequence and 1024: each chunk has a fixed cost, which small models
            feel, and the tapes of longer ones take more memory. The shapes and lengths alone
            decide, so it is the same on every machine;
            ``rb.forecast(...).chunks`` says how many there are. A budget or a Plan chooses the
            length; with a budget neither chunk nor horizon can be passed, with a Plan a horizon
            that is a multiple of ``plan.chunk``. Of a network over time also a dict by time axis,
            and a budget keeps to what is passed.
        state: initial state; for each Recurrent a tuple of arrays (B, ...), or None for its own.
        mask: (T, B), bool or weights ≥ 0 of the steps in the loss, (T, B, n) of elements; (B,) of a
            static output. x may be unusable, as NaN or a
            symbol of −1, after the last step of its row that has weight: it is read as 0 from there
            on, and the row is among ``lost``, whose state is not known. Without Recurrents it may
            be so at any step without weight. At a step before one that has weight it is an error,
            because the state would carry it on.
        seed: of dropout masks.
        backend: "llvm", kernels in machine code; "numpy", compiled step programs; "interpreter",
            which walks the graph; a ``Backend``, which may leave out rules of the compiler; None to
            choose.
        horizon: truncated BPTT (Williams & Peng 1990): gradients do not flow across multiples of
            this many steps; a multiple of ``chunk``, which it is by default.
        training: False runs layers in evaluation mode: no dropout.
        dx: True to keep the gradient by x, of x's shape; by default for floats in memory.
        steps: T of a stream, if it is known. Otherwise the schedule is one that does not need it:
            "all", ``Online(slots)``, or a budget.
        folder: the folder of streams and checkpoints on disk, in files without a name; by default
            the system's for temporary files.
        progress: True for a progress bar of the steps run, with bytes and seconds, predicted and so
            far. None, the default, shows it on a terminal and in a notebook, when a run has taken a
            second, and removes it at the end.
        return_y: True to return the model's outputs too, as ``y`` (T, B, ...) of the result: those
            that the loss was computed from, dropout included. They count among the bytes of
            gradients.
        lengths: (B,) whole numbers, how many steps each row has; a dict of these by time axis if
            there are several. What x, target and mask have past a row's end is not looked at and
            does not count; y and dx are 0 there, and the final state is that of the last step.
        reset: (T, B) bool, True where a row begins anew: it enters that step with the initial state
            of the model, and no gradient passes; a dict by axis likewise.
        dstate: deltas of the final state, in the form of ``state``: the derivatives of what else is
            computed from the ``state`` of the result, as the ``dstate`` of a run over the steps that
            follow. Their part of the gradients is added; the loss stays.

    Returns:
        ``Gradients``: the loss, gradients by parameter, x and initial state, the last state, and
        stats.

    The memory of a run, except for its result, is kept for the next of its kind, because fresh
    pages are slow. A run of a different kind releases it, or ``rnnbp.release_memory()``; ``del``
    frees the result alone.

    Raises ShapeError, DtypeError, ValueError or TypeError for arguments that do not fit, ValueError
    for a function whose values depend on the chunks, ScheduleError for a schedule that cannot be
    run, MemoryError if what is kept is far beyond the machine's memory, before any arithmetic.

    >>> import numpy as np, rnnbp as rb
    >>> rng = np.random.default_rng(0)
    >>> x, target = rng.normal(size=(100, 2, 3)).astype("float32"), rng.integers(0, 5, (100, 2))
    >>> model, loss = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 5)), rb.losses.CrossEntropy()
    >>> cached = rb.bptt(model, x, target, loss, chunk=10)
    >>> rerun = rb.bptt(model, x, target, loss, chunk=10, checkpoint="sqrt")
    >>> all((rerun.grads[name] == g).all() for name, g in cached.grads.items())
    True
    """
    graph = as_network(model)
    if is_network(graph, loss, lengths=lengths, reset=reset):
        data = Data(x, target, loss, mask)
        reading = Reading(state, chunk, lengths, reset, seed, training, backend, horizon, steps)
        keeping = Keeping(checkpoint, dx, return_y, folder, progress, dstate)
        return networks().gradients(graph, data, reading, keeping)
    horizon, chunk = check_horizon(
        horizon, chunk_of_run(checkpoint, chunk_of_sweep(chunk), horizon)
    )
    _check_own_iterator(x, target, mask)
    check_possible(graph, x, checkpoint, dx)
    given = SeriesOptions(chunk=chunk, state=state, steps=steps, folder=folder, mask=mask)
    problem = pose(graph, x, **given, backend=backend, training=flag("training", training))
    note_problem(problem, state)
    if backend is not None:
        warn_of_python(graph, problem.shapes, problem.backend, training=problem.training)
    with closing(Objective(problem, loss, target, mask, folder)) as objective:
        resolved = resolve(checkpoint, problem, objective, chunk, Asked(dx, return_y, dstate))
        return _run(resolved, objective, check_seed(seed), horizon, folder, progress)


_PARTS = (Iterator, tuple, list, dict)
"""What may be, or hold, an iterator; a union would be built anew for each run."""


def _check_own_iterator(x: object, target: object, mask: object) -> None:
    """Raise TypeError for an iterator that is passed twice, which would be read in turns."""
    if not isinstance(x, _PARTS):
        return
    every = [*parts_of(x), target, mask]
    streams = [part for part in every if isinstance(part, Iterator)]
    if len({*map(id, streams)}) == len(streams):
        return
    if isinstance(x, Iterator):
        raise TypeError(
            "x is an iterator, which comes once, and target or mask is the same one; "
            "give each its own"
        )
    raise TypeError(
        "an iterator comes once, and x, target and mask have one of them twice; give each its own"
    )


def _run(
    resolved: Resolved,
    objective: Objective,
    seed: int,
    horizon: int | None,
    folder: PathLike | None,
    progress: bool | None,
) -> Gradients:
    """Run a schedule in the memory that the last run has left, if it was of this kind."""
    problem = resolved.problem
    with progress_of(progress, resolved, whole=objective.loss.whole) as bar:
        memory = reuse(resolved.memory_key(type(objective.loss)))
        chunks = LaneChunks.left(memory, problem, seed)
        if chunks is None:
            chunks = LaneChunks(problem, seed=seed, training=problem.training, memory=memory)
        losses = ChunkLosses(objective, problem, memory)
        run = Run(resolved, chunks, losses, horizon=horizon, folder=folder, bar=bar)
        result = run.execute(resolved.actions)
    objective.end()
    if problem.state and (lost := lost_rows(*problem.series)):
        result = replace(result, lost=lost)
    program, tables = run.sizes.program(problem.chunk), sum(run.tables.values())
    memory.end(chunks.rest(), prepared(lasting(problem.model)), program + tables, tables)
    resolved.check(result.stats.counts)
    return result
