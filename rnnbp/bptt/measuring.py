"""The seconds of a model's actions, measured on a few synthetic chunks."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import TypeAlias, TypeVar

import numpy as np

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import Chunks, DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkTape
from rnnbp.bptt.lane_chunks import LaneChunks
from rnnbp.bptt.leaves import place_leaves
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.pose import pose
from rnnbp.inputs.problem import Problem
from rnnbp.layers.symbols import Symbols
from rnnbp.losses.outputs import Scalar
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.planning.costs import KINDS, Costs
from rnnbp.planning.sizes import Sizes

T = TypeVar("T")
Started: TypeAlias = Callable[[Sizes, int], tuple[Problem, Chunks]]
"""From sizes and a number of steps to a problem of one chunk, and what runs it."""
PATIENCE = 0.4
"""Seconds after which a length is measured no more often: costs come less exact, but not late."""
SHORT, LONG = 2, 64
"""Two lengths of chunks: cost is a line through them."""
SECONDS = 0.15
"""What all actions on the long chunk may take together; a slow model gets a shorter one."""


def started(sizes: Sizes, length: int) -> tuple[Problem, Chunks]:
    """A problem of one chunk, of random numbers, and what runs it."""
    x = synthetic(sizes, length)
    given = x[0] if len(x) == 1 else x
    problem = pose(sizes.model, given, chunk=length, state=None, backend=sizes.backend)
    memory = Reuse("calibration")
    return problem, LaneChunks(problem, seed=0, training=sizes.training, memory=memory)


def measured(
    sizes: Sizes, room: int | None = None, repeats: int = 3, started: Started = started
) -> Costs:
    """Medians of ``repeats`` runs of a long chunk, and three times as many of a short one.

    The long one is short enough for ``room`` bytes.
    """
    few = _measure(*started(sizes, SHORT), 3 * repeats)
    length = max(2 * SHORT, min(LONG, int(SHORT * SECONDS / sum(few.values()))))
    while room is not None and length > 2 * SHORT and _held(sizes, length) > room:
        length = max(2 * SHORT, length // 2)
    many = _measure(*started(sizes, length), repeats)
    step = {kind: max(1e-9, (many[kind] - few[kind]) / (length - SHORT)) for kind in KINDS}
    fixed = {kind: max(0.0, few[kind] - SHORT * step[kind]) for kind in KINDS}
    return Costs(fixed, step)


def _held(sizes: Sizes, length: int) -> int:
    """What measuring chunks of this length takes."""
    held = (
        sizes.gradients(length, parted=False)
        + sizes.fixed.held
        + sizes.live_states
        + sizes.program(length)
        + sizes.tables(length)
        + sizes.tape(length)
        + sizes.thin(length)
    )
    return held + sizes.workspace(length) + sizes.rebuild(length)


def _measure(problem: Problem, chunks: Chunks, repeats: int) -> dict[str, float]:
    """Seconds of each action on the one chunk of a problem."""
    chunks.compute_fixed(keep=False)
    state = problem.state
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    began = time.perf_counter()
    for k in range(repeats + 1):  # the first warms up
        if k > 1 and time.perf_counter() - began > PATIENCE:
            break
        taken["Advance"].append(timed(lambda: chunks.advance(0, state))[0])
        seconds, thin = timed(lambda: chunks.keep(0, state))
        taken["Keep"].append(seconds)
        taken["Rebuild"].append(timed(partial(chunks.rebuild, 0, thin))[0])
        seconds, tape = timed(lambda: chunks.record(0, state))
        taken["Record"].append(seconds)
        taken["Backward"].append(timed(partial(_backward, problem, chunks, tape))[0])
    return {kind: median(runs[1:]) for kind, runs in taken.items()}


def _backward(problem: Problem, chunks: Chunks, tape: ChunkTape) -> None:
    dstates: DeltaStates = {
        node.number: (None,) * len(arrays)
        for node, arrays in zip(chunks.parts.recurrent, problem.state, strict=True)
    }
    grads = Accumulators(problem.model, fixed=chunks.fixed.sums())
    place_leaves(chunks.parts, grads)

    def loss(values: Values, n: int) -> tuple[Scalar, Deltas]:
        deltas: Deltas = [None] * len(values)
        for output in chunks.parts.outputs:
            deltas[output] = np.ones_like(values[output])
        return 0.0, deltas

    chunks.backward(0, tape, loss, dstates, grads, {})


def synthetic(sizes: Sizes, length: int) -> list[Array]:
    """Random inputs of a chunk."""
    rng, parts = np.random.default_rng(0), sizes.parts
    return [
        _random(rng, layers, _whole(sizes, k, length), sizes.model.dtype or sizes.dtype)
        for k, layers in enumerate(parts.symbols_by_input)
    ]


def _whole(sizes: Sizes, k: int, length: int) -> Shape:
    """The shape of input k in a chunk."""
    lead = (length, sizes.batch) if k in sizes.parts.series else (sizes.batch,)
    return (*lead, *sizes.x_shapes[k])


def _random(
    rng: np.random.Generator, layers: Sequence[Symbols], shape: Shape, dtype: Dtype | None
) -> Array:
    """Symbols that all of ``layers`` take, or floats where there are none."""
    if layers:
        return rng.integers(0, min(layer.n_symbols for layer in layers), shape)
    return rng.normal(size=shape).astype(dtype or np.float32)


def timed(run: Callable[[], T]) -> tuple[float, T]:
    """(seconds, result)."""
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result
