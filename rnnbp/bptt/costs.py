"""What the actions of a schedule cost in seconds, measured on a few synthetic chunks of the model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

from rnnbp.bptt.chunks import Chunks, ChunkTape, DeltaStates
from rnnbp.bptt.problem import Problem, pose, symbol_layers
from rnnbp.bptt.results import Accumulators
from rnnbp.graph import Graph
from rnnbp.numerics import Array, Shape

KINDS = ("Advance", "Keep", "Record", "Rebuild", "Backward")
LENGTHS = (4, 16)
"""Two lengths of chunks: cost is a line through them."""


@dataclass(frozen=True)
class Costs:
    """Seconds of each action on a chunk of L steps: ``fixed[kind] + L · step[kind]``, by the action's name."""

    fixed: dict[str, float]
    step: dict[str, float]

    def seconds(self, counts: dict[str, int], steps: dict[str, int]) -> float:
        """Of actions that occur so often, on so many steps in all."""
        return sum(n * self.fixed.get(kind, 0.0) + steps[kind] * self.step.get(kind, 0.0) for kind, n in counts.items())


def calibrate(model: Graph, batch: int, x_shape: Shape, repeats: int = 3) -> Costs:
    """Measure a model on random chunks: medians of ``repeats`` runs at each of two lengths."""
    found = [_measure(model, batch, x_shape, length, repeats) for length in LENGTHS]
    short, long = LENGTHS
    step = {kind: max(0.0, (found[1][kind] - found[0][kind]) / (long - short)) for kind in KINDS}
    fixed = {kind: max(0.0, found[0][kind] - short * step[kind]) for kind in KINDS}
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
