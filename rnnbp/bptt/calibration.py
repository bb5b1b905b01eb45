"""The costs of a model's actions, measured on a few synthetic chunks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

from rnnbp.bptt.chunk import Chunks, DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkTape
from rnnbp.bptt.results import Accumulators
from rnnbp.bptt.slots import Slots
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import parts_of
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.problem import Problem, as_model, feature_shape, pose
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Shape, positive_int
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.backend import BackendLike, as_backend
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.storage import JSON, PathLike
from rnnbp.support.ieee import ieee
from rnnbp.support.memo import Recent
from rnnbp.wording.arguments import takes

PATIENCE = 0.4
"""Seconds after which a length is measured no more often: a busy machine gives less exact costs,
not later ones.
"""
SHORT, LONG = 2, 64
"""Two lengths of chunks: cost is a line through them."""
SECONDS = 0.15
"""What all actions on the long chunk may take together; a slow model gets a shorter one."""


@takes()
@by_numpy_where_refused
@ieee
def calibrate(
    model: ModelLike, *, batch: int, x_shape: Shape | None = None, backend: BackendLike = None
) -> Costs:
    """Measure what the actions of a schedule cost here, on random chunks of this model, in about a
    second.

    Args:
        model: as ``bptt`` takes it.
        batch: B of x.
        x_shape: feature shape of x, () for symbols; None if the model's first layer or Input
            declares it.
        backend: as ``bptt`` takes it.

    Returns:
        ``Costs``: seconds of each action, in memory that has been used before, as in a second run.

    The result is cached for the model, batch, shape, backend and number of BLAS threads, the last
    256 of them. The chunks are of 2 and up to 64 steps; within a budget, as ``plan`` and ``bptt``
    have one, of as many as fit. Raises ShapeError for an unknown feature shape, TypeError for a
    model without parameters.

    >>> import rnnbp as rb
    >>> rb.calibrate(rb.Sequential(rb.RNN(3, 4)), batch=2).step["Record"] > 0
    True
    """
    graph = as_model(model)
    shape = feature_shape("calibrate", graph, x_shape)
    return remembered(
        sizes_of(graph, shape, positive_int("calibrate: batch", batch), None, backend=backend)
    )


_known: Recent[Any, Costs] = Recent(256)


def known_costs(model: Graph) -> list[dict[str, JSON]]:
    """As JSON, all that has been measured of models like this one by the backend of the
    environment."""
    structure, used = _structure(model), as_backend(None)
    return [
        {"dtype": str(dtype), "batch": batch, "x_shape": [*x_shape], **costs.to_dict()}
        for (known, dtype, batch, x_shape, backend, _), costs in _known.items()
        if known == structure and backend == used
    ]


def adopt_costs(model: Graph, dtype: str, batch: int, x_shape: Shape, costs: Costs) -> None:
    """Take for measured what another process measured and saved, so that plans are its plans."""
    _known.put(
        (_structure(model), np.dtype(dtype), batch, x_shape, as_backend(None), _threads()), costs
    )


def _threads() -> tuple[int, ...]:
    return tuple(pool["num_threads"] for pool in threadpool_info())


def remembered(sizes: Sizes, room: int | None = None) -> Costs:
    """``measured``, once for all models of a structure."""
    key = (
        _structure(sizes.model),
        sizes.dtype,
        sizes.batch,
        sizes.x_shape,
        sizes.backend,
        _threads(),
    )
    return _known.get(key, lambda: measured(sizes, room))


def with_disk(costs: Costs, slot: int, folder: PathLike | None, repeats: int = 5) -> Costs:
    """The same, with what it takes to write and to read a checkpoint of a number of bytes on disk:
    medians.
    """
    if {"write", "read"} <= costs.fixed.keys():
        return costs
    states = ((np.zeros(max(1, slot), np.uint8),),)
    taken: dict[str, list[float]] = {"write": [], "read": []}
    with closing(Slots(Ledger(), folder)) as slots:
        for n in range(repeats):
            taken["write"].append(_timed(partial(_written, slots, n, states))[0])
            taken["read"].append(_timed(partial(slots.load, n))[0])
            slots.drop(n)
    return replace(
        costs, fixed=costs.fixed | {kind: median(found) for kind, found in taken.items()}
    )


def _written(slots: Slots, n: int, states: States) -> None:
    slots.store(n, states, "disk")
    slots.release_written()


def _structure(model: Graph) -> tuple[Any, ...]:
    """What a model's costs depend on: its layers and how they are joined, not the values of its
    parameters.
    """
    return tuple(
        (_structure(node.block.cell), node.args)
        if isinstance(node.block, Recurrent)
        else (type(node.block), repr(node.block), node.args)
        for node in model.nodes
    )


def measured(sizes: Sizes, room: int | None = None, repeats: int = 3) -> Costs:
    """Medians of ``repeats`` runs at each of two lengths, the short one three times as often;
    ``room`` in bytes.
    """
    few = _measure(sizes, SHORT, 3 * repeats)
    length = max(2 * SHORT, min(LONG, int(SHORT * SECONDS / sum(few.values()))))
    while room is not None and length > 2 * SHORT and _held(sizes, length) > room:
        length = max(2 * SHORT, length // 2)
    many = _measure(sizes, length, repeats)
    step = {kind: max(1e-9, (many[kind] - few[kind]) / (length - SHORT)) for kind in KINDS}
    fixed = {kind: max(0.0, few[kind] - SHORT * step[kind]) for kind in KINDS}
    return Costs(fixed, step)


def _held(sizes: Sizes, length: int) -> int:
    """What measuring chunks of this length takes."""
    held = (
        sizes.gradients(length, parted=False)
        + sizes.live_states
        + sizes.program(length)
        + sizes.tables(length)
        + sizes.tape(length)
        + sizes.thin(length)
    )
    return held + sizes.workspace(length) + sizes.rebuild(length)


def _measure(sizes: Sizes, length: int, repeats: int) -> dict[str, float]:
    """Seconds of each action on one chunk of ``length`` steps."""
    x = _synthetic(sizes.model, (length, sizes.batch, *sizes.x_shape))
    problem = pose(sizes.model, x, chunk=length, state=None, backend=sizes.backend)
    chunks = Chunks(problem, seed=0, training=sizes.training, memory=Reuse("calibration"))
    state = problem.state
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    began = time.perf_counter()
    for k in range(repeats + 1):  # the first warms up
        if k > 1 and time.perf_counter() - began > PATIENCE:
            break
        taken["Advance"].append(_timed(lambda: chunks.advance(0, state))[0])
        seconds, thin = _timed(lambda: chunks.keep(0, state))
        taken["Keep"].append(seconds)
        taken["Rebuild"].append(_timed(partial(chunks.rebuild, 0, thin))[0])
        seconds, tape = _timed(lambda: chunks.record(0, state))
        taken["Record"].append(seconds)
        taken["Backward"].append(_timed(partial(_backward, problem, chunks, tape))[0])
    return {kind: median(runs[1:]) for kind, runs in taken.items()}


def _backward(problem: Problem, chunks: Chunks, tape: ChunkTape) -> None:
    dstates: DeltaStates = {
        node.number: (None,) * len(arrays)
        for node, arrays in zip(chunks.parts.recurrent, problem.state, strict=True)
    }
    chunks.backward(
        0, tape, lambda y, _: (0.0, np.ones_like(y)), dstates, Accumulators(problem.model)
    )


def _synthetic(model: Graph, shape: Shape) -> Array:
    rng = np.random.default_rng(0)
    layers = parts_of(model).symbols
    if layers:
        return rng.integers(0, min(layer.n_symbols for layer in layers), shape)
    return rng.normal(size=shape).astype(model.dtype or np.float32)


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result
