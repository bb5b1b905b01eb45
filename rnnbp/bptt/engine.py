"""Backpropagation through time, within a schedule or a budget."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import lru_cache
from typing import Any

from rnnbp.actions import Action
from rnnbp.bptt.chunk import Chunks
from rnnbp.bptt.fed import note_run, warn_if_one_step
from rnnbp.bptt.progress import progress_of
from rnnbp.bptt.resolve import keeps_dx, settle
from rnnbp.bptt.results import Gradients
from rnnbp.bptt.run import Run
from rnnbp.graph.model_split import lasting
from rnnbp.inputs.horizon import check_horizon
from rnnbp.inputs.objective import LossLike, Objective
from rnnbp.inputs.padding import lost_rows
from rnnbp.inputs.problem import Problem, as_model, pose
from rnnbp.memory_pool import Reuse, reuse
from rnnbp.numerics import flag
from rnnbp.planning.plan import Plan
from rnnbp.planning.possible import check_possible
from rnnbp.rng import check_seed
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.schedules import ScheduleLike, resolve, sweep
from rnnbp.schedules.simulation import ScheduleError, Simulation, simulate
from rnnbp.storage import PathLike
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import takes


@takes()
@by_numpy_where_refused
@ieee
def bptt(
    model: Any,
    x: Any,
    target: Any,
    loss: LossLike,
    *,
    checkpoint: ScheduleLike | Plan = "all",
    chunk: int | None = None,
    state: Any = None,
    mask: Any = None,
    seed: int = 0,
    backend: BackendLike = None,
    horizon: int | None = None,
    training: bool = True,
    dx: bool | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    progress: bool | None = None,
    return_y: bool = False,
) -> Gradients:
    """Loss and gradients of a sequence, by backpropagation through time (Werbos 1990) within a schedule.

    Args:
        model: a Sequential, Graph, Recurrent or layer of one input and one output.
        x: (T, B, features) floats, or (T, B) integers for an Embedding. Never written to; may be
            read-only, strided or memory-mapped; or a stream, an iterator of pieces (any number of steps, B, ...),
            which comes once and is kept in a file, so that memory holds a chunk of it at a time.
        target: (T, B, ...), or None, as the loss takes it; may be mapped or a stream too, as may mask.
        loss: one of ``rnnbp.losses``, a mean over all unmasked elements of the sequence; or your own, see
            ``help(rnnbp.losses)``: ``PerStep(f)``, ``WholeSequence(f)``, or a function
            ``(y, target) -> (value, dy)``, called once per chunk, whose values are summed. That these add up
            over steps is checked once, on the first chunk and its two halves, where there are several chunks.
            With a mask of 0 and 1 it is called with the steps that count, (N, 1, ...), or, if it takes a third
            argument, ``(y, target, mask)``. For forecasts and budgets it is taken to need two temporary arrays
            of y's size as well as dy; an attribute of the function, as ``loss.spare = 0``, declares another number.
        checkpoint: "all", "sqrt", a schedule, a function of the number of chunks that gives one, a budget
            of bytes as "64 MB", or a Plan. Gradients are the same bits under every schedule that only replays,
            at the same chunk length; a budget chooses that too, by measured costs: for the same bits in another
            process give it a Plan that was made with the same ``costs``.
        chunk: steps in a chunk, by default 32.
        state: initial state; for each Recurrent a tuple of arrays (B, ...), or None for its own.
        mask: (T, B), bool or weights ≥ 0 of the steps in the loss. x may have what cannot be used, as
            NaN or a symbol of −1, after the last step of its row that has weight: it is read as 0
            from there on, and the row is among ``lost``, whose state is not known. Without
            Recurrents it may at any step that has no weight. At a step before one that has weight
            it is an error, because the state would carry it on.
        seed: of dropout masks.
        backend: "numpy", compiled step programs, or "interpreter", which walks the graph; a ``Backend``, which may
            leave out rules of the compiler; None to choose.
        horizon: truncated BPTT (Williams & Peng 1990): gradients do not flow across multiples of this
            many steps; a multiple of ``chunk``, which it is by default.
        training: False runs layers in evaluation mode: no dropout.
        dx: whether the gradient by x, of x's shape, is kept; by default for floats that are in memory.
        steps: T of a stream, where it is known. Else the schedule is one that does not need it: "all",
            ``Online(slots)``, or a budget.
        folder: where streams and checkpoints on disk are kept, in files without a name; by default where
            the system has its temporary files.
        progress: whether to show a bar of the steps run, with bytes and seconds, forecast and so far. None,
            the default, shows it on a terminal and in a notebook, when a run has taken a second, and
            removes it at the end.
        return_y: True to return the model's outputs too, as ``y`` (T, B, ...) of the result: those that the
            loss was taken of, dropout included. They count among the bytes of gradients.

    The memory of a run, its result aside, is kept for the next run like it, because fresh pages are slow.
    Another kind of run gives it back, or ``rnnbp.release_memory()``; ``del`` frees the result alone.

    Raises ShapeError, DtypeError, ValueError or TypeError for arguments that do not fit, ValueError for a
    function whose values depend on the chunks, ScheduleError for
    a schedule that cannot be run, MemoryError where what is kept is far beyond the machine's
    memory, before any arithmetic.
    """
    horizon, chunk = check_horizon(horizon, chunk)
    if hasattr(x, "__next__") and (x is target or x is mask):
        raise TypeError("x is an iterator, which comes once, and target or mask is the same one; give each its own")
    graph = as_model(model)
    check_possible(graph, x, checkpoint, dx)
    given: Any = {"chunk": chunk, "state": state, "backend": backend, "steps": steps, "folder": folder, "mask": mask}
    problem = pose(graph, x, **given, training=flag("training", training))
    if problem.state and problem.known:
        warn_if_one_step(graph, (problem.steps, *problem.x.shape), state)
        note_run(graph, problem.steps, problem.batch)
    with closing(Objective(problem, loss, target, mask, folder)) as objective:
        objective.return_y = _returns_y(problem, return_y)
        kept = keeps_dx(problem, checkpoint, dx if dx is None else flag("dx", dx))
        problem, checkpoint = settle(problem, objective, checkpoint, chunk, dx=kept)
        objective.problem = problem
        actions, predicted = _actions(problem, checkpoint)
        memory = reuse(
            None if predicted is None else (problem.kind, predicted, kept, type(objective.loss), objective.return_y)
        )
        objective.memory = memory
        chunks = _chunks(problem, memory, seed=check_seed(seed))
        plan = checkpoint if isinstance(checkpoint, Plan) else None
        with progress_of(progress, problem, predicted, plan, whole=objective.loss.whole) as bar:
            run = Run(problem, chunks, objective, dx=kept, memory=memory, horizon=horizon, folder=folder, done=bar)
            result = run.execute(actions)
            objective.end()
            if problem.state and (lost := lost_rows(problem.x)):
                result = replace(result, lost=lost)
            program, tables = run.sizes.program(problem.chunk), sum(run.tables.values())
            memory.end(chunks.rest(), lasting(problem.model), program + tables, tables)
    if predicted is not None and result.stats.counts != predicted.counts:
        raise ScheduleError(
            f"the schedule gave {predicted.counts} when it was checked, {result.stats.counts} when it ran; "
            f"make it the same each time it is iterated"
        )
    return result


def _returns_y(problem: Problem, asked: bool) -> bool:
    """Whether y is kept. Raises ValueError where it was asked for and cannot be."""
    if flag("return_y", asked) and not problem.known:
        raise ValueError("return_y=True, but x is a stream of unknown length; give steps=, or leave it out")
    return bool(asked)


def _chunks(problem: Problem, memory: Reuse, *, seed: int) -> Chunks:
    """Those that the last run has left, where it was of this kind; else new ones."""
    found: Chunks | None = memory.kit(lasting(problem.model))
    if found is None:
        return Chunks(problem, seed=seed, training=problem.training, memory=memory)
    found.begin(problem, seed=seed, training=problem.training)
    return found


def _actions(problem: Problem, checkpoint: ScheduleLike | Plan) -> tuple[Iterable[Action], Simulation | None]:
    """What to run, and what it will take; for a stream of unknown length, what to do as chunks come."""
    if isinstance(checkpoint, Plan):
        checkpoint = checkpoint.chosen.schedule
    if not problem.known:
        return _follow(problem, checkpoint), None
    if isinstance(checkpoint, str):
        return _named(checkpoint, problem.chunks, problem.steps, problem.chunk)
    return _resolved(checkpoint, problem.chunks, problem.steps, problem.chunk)


def _resolved(checkpoint: Any, chunks: int, steps: int, chunk: int) -> tuple[Iterable[Action], Simulation]:
    schedule = resolve(checkpoint, chunks)
    return schedule, simulate(schedule, chunks, steps=steps, chunk=chunk)


_named = lru_cache(_resolved)
"""The same of a schedule by its name: training asks for it at every update."""


def _follow(problem: Problem, checkpoint: ScheduleLike) -> Iterator[Action]:
    """The actions for a stream whose end is seen when it comes."""
    present, n = sweep(checkpoint), 0
    while problem.x.has((n + 1) * problem.chunk):
        yield from present.forward()
        n += 1
    yield from present.end()
