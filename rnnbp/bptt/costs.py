"""What the actions of a schedule cost in seconds, measured on a few synthetic chunks of the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from rnnbp.bptt.chunks import Chunks, ChunkTape, DeltaStates
from rnnbp.bptt.problem import Problem, as_model, feature_shape, pose, symbol_layers
from rnnbp.bptt.results import Accumulators, States
from rnnbp.bptt.slots import Slots
from rnnbp.graph import Graph
from rnnbp.ledger import Ledger
from rnnbp.numerics import Array, Shape, positive_int
from rnnbp.recurrent import Recurrent
from rnnbp.storage import PathLike

KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
SHORT, LONG = 2, 64
"""Two lengths of chunks: cost is a line through them."""
SECONDS = 0.15
"""What all actions on the long chunk may take together; a slow model gets a shorter one."""


@dataclass(frozen=True)
class Costs:
    """Seconds of each action on a chunk of L steps: ``fixed[kind] + L · step[kind]``, by the action's name.

    ``fixed`` has also "write" and "read", of a checkpoint on disk, where they were measured.
    Printed, it is a table in microseconds.
    """

    fixed: dict[str, float]
    step: dict[str, float]

    def seconds(self, counts: dict[str, int], steps: dict[str, int]) -> float:
        """Of actions that occur so often, on so many steps in all."""
        each = (n * self.fixed.get(kind, 0.0) for kind, n in counts.items())
        return sum(each) + sum(n * self.step.get(kind, 0.0) for kind, n in steps.items())

    def __str__(self) -> str:
        rows = [f"{kind:<9} {1e6 * each:9.1f} {1e6 * self.step.get(kind, 0):9.1f}" for kind, each in self.fixed.items()]
        return "\n".join([f"{'µs':<9} {'a chunk':>9} {'a step':>9}", *rows])


def calibrate(model: Any, *, batch: int, x_shape: Shape | None = None) -> Costs:
    """Measure what the actions of a schedule cost here, on random chunks of this model, in about a second.

    Args:
        model: as ``bptt`` takes it. batch: B of x.
        x_shape: feature shape of x, () for symbols; None where the model's first layer or Input says it.

    The result is remembered for the model, batch, shape and number of BLAS threads until the process ends.
    Raises ShapeError for an unknown feature shape, TypeError for a model without parameters.
    """
    graph = as_model(model)
    return remembered(graph, positive_int("calibrate: batch", batch), feature_shape("calibrate", graph, x_shape))


_known: dict[Any, Costs] = {}


def remembered(model: Graph, batch: int, x_shape: Shape) -> Costs:
    """``measured``, once for all models of a structure."""
    threads = tuple(pool["num_threads"] for pool in threadpool_info())
    key = (_structure(model), model.dtype, batch, x_shape, threads)
    if key not in _known:
        _known[key] = measured(model, batch, x_shape)
    return _known[key]


def with_disk(costs: Costs, slot: int, folder: PathLike | None, repeats: int = 5) -> Costs:
    """The same, with what it takes to write and to read a checkpoint of so many bytes on disk: medians."""
    if {"write", "read"} <= costs.fixed.keys():
        return costs
    states = ((np.zeros(max(1, slot), np.uint8),),)
    taken: dict[str, list[float]] = {"write": [], "read": []}
    with closing(Slots(Ledger(), folder)) as slots:
        for n in range(repeats):
            taken["write"].append(_timed(partial(_written, slots, n, states))[0])
            taken["read"].append(_timed(partial(slots.load, n))[0])
            slots.drop(n)
    return Costs(costs.fixed | {kind: median(found) for kind, found in taken.items()}, costs.step)


def _written(slots: Slots, n: int, states: States) -> None:
    slots.store(n, states, "disk")
    slots.settle()


def _structure(model: Graph) -> tuple[Any, ...]:
    """What a model's costs depend on: its layers and how they are joined, not the values of its parameters."""
    return tuple(
        (_structure(node.block.cell), node.args)
        if isinstance(node.block, Recurrent)
        else (type(node.block), repr(node.block), node.args)
        for node in model.nodes
    )


def measured(model: Graph, batch: int, x_shape: Shape, repeats: int = 3) -> Costs:
    """Medians of ``repeats`` runs at each of two lengths, the short one three times as often."""
    few = _measure(model, batch, x_shape, SHORT, 3 * repeats)
    length = max(2 * SHORT, min(LONG, int(SHORT * SECONDS / sum(few.values()))))
    many = _measure(model, batch, x_shape, length, repeats)
    step = {kind: max(0.0, (many[kind] - few[kind]) / (length - SHORT)) for kind in KINDS}
    fixed = {kind: max(0.0, few[kind] - SHORT * step[kind]) for kind in KINDS}
    return Costs(fixed, step)


def _measure(model: Graph, batch: int, x_shape: Shape, length: int, repeats: int) -> dict[str, float]:
    """Seconds of each action on one chunk of ``length`` steps."""
    problem = pose(model, _synthetic(model, (length, batch, *x_shape)), chunk=length, state=None, backend=None)
    chunks, state = Chunks(problem, seed=0, training=True), problem.state
    taken: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(repeats + 1):  # the first warms up
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
        node.number: (None,) * len(arrays) for node, arrays in zip(chunks.parts.recurrent, problem.state, strict=True)
    }
    chunks.backward(0, tape, lambda y, _: (0.0, np.ones_like(y)), dstates, Accumulators(problem.model))


def _synthetic(model: Graph, shape: Shape) -> Array:
    rng = np.random.default_rng(0)
    layers = list(symbol_layers(model))
    if layers:
        return rng.integers(0, min(layer.n_symbols for layer in layers), shape)
    return rng.normal(size=shape).astype(model.dtype or np.float32)


def _timed(run: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = run()
    return time.perf_counter() - began, result
