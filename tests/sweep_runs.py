"""Sweeps run by themselves: graphs of any number of outputs, whose outlets are weighted sums."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

import rnnbp as rb
from rnnbp.bptt.outlets import InputDeltas, Outlets
from rnnbp.bptt.resolve import of_schedule
from rnnbp.bptt.sweep_chunks import SweepChunks
from rnnbp.bptt.sweep_run import SweepRun
from rnnbp.bptt.sweep_sums import SweepGradients
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.model_split import parts_of, recurrent_blocks
from rnnbp.inputs.held import Held
from rnnbp.inputs.other_inputs import OtherInputs
from rnnbp.inputs.passed import Form
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import initial_states
from rnnbp.ledger import Ledger
from rnnbp.planning.outlet_sizes import DeltaSizes, OutletSizes
from rnnbp.planning.sweep_ledger import SweepForecast, SweepLedger
from rnnbp.planning.sweep_sizes import SweepSizes, sizes_of_sweep
from rnnbp.runners.backend import Backend
from tests.helpers import reals

Array = np.ndarray
HELD = DeltaSizes(held=True)
WANTED = OutletSizes(wanted=True, deltas=(HELD,))


def dense(n_in: int, n_out: int, seed: int = 9, dtype: Any = "float64") -> rb.Dense:
    return rb.Dense(n_in, n_out, rng=seed, dtype=dtype)


def both_ways(n: int, dtype: Any = "float64") -> rb.Graph:
    """Two Recurrents side by side on two series, and their outputs."""
    x, z = rb.Input(n, "x"), rb.Input(n, "reversed")
    one, other = (rb.LSTM(n, n + 1, rng=k, dtype=dtype) for k in (0, 1))
    return rb.Graph((x, z), (one(x), other(z)))


def headed(n: int, dtype: Any = "float64") -> rb.Graph:
    """A Recurrent with a tail: outputs of the body, of the tail, and one twice."""
    x, z = rb.Input(n, "x"), rb.Input(n, "z")
    h = rb.GRU(n, n, rng=0, dtype=dtype)(rb.Tanh()(dense(n, n, 1, dtype)(x + z)))
    y = rb.Tanh()(dense(n, 2 * n, 2, dtype)(h))
    return rb.Graph((x, z), (y, h, dense(2 * n, 3, 3, dtype)(y), y))


def without_time(n: int, dtype: Any = "float64") -> rb.Graph:
    """No Recurrents; an input is an output too."""
    x, z = rb.Input(n, "x"), rb.Input(n, "z")
    y = rb.Sigmoid()(dense(n, n, 1, dtype)(x) * z)
    return rb.Graph((x, z), (dense(n, 2, 2, dtype)(y), z, y))


def stacked(n: int, dtype: Any = "float64") -> rb.Graph:
    """A Recurrent over another, whose output is taken too, and a static input."""
    x, z, s = rb.Input(n, "x"), rb.Input(n, "z"), rb.Input(n, "s", per="sequence")
    one, other = (rb.RNN(n, n, rng=k, dtype=dtype) for k in (0, 1))
    h = one(x + dense(n, n, 3, dtype)(s))
    return rb.Graph((x, z, s), (h, dense(n, n, 4, dtype)(other(h * z))))


GRAPHS: dict[str, Callable[..., rb.Graph]] = {
    "both ways": both_ways,
    "headed": headed,
    "without time": without_time,
    "stacked": stacked,
}


def posed(
    graph: rb.Graph,
    xs: Sequence[Array],
    chunk: int,
    *,
    state: Any = None,
    backend: str | None = None,
    dtype: Any = "float64",
) -> Problem:
    """A sweep of these inputs."""
    model, found = hoisted(graph), parts_of(hoisted(graph))
    series = {k: Held(xs[k]) for k in found.series}
    x = series.pop(found.x)
    static = {k: xs[k] for k, per in enumerate(model.pers) if per == "sequence"}
    others = OtherInputs(found.x, series, static, frozenset(), Form(several=True))
    states, given, lent = initial_states(model, state, x.shape[0], np.dtype(dtype))
    own = Backend() if backend is None else Backend(backend)
    return Problem(
        model, x, np.dtype(dtype), chunk, states, given, (), own, lent, training=True, others=others
    )


class Weighted(Outlets):
    """Each output has weights (T, B, n): its part of the loss is the sum of both's products.

    Args:
        weights: by output; None where it has no delta.
    """

    def __init__(
        self, problem: Problem, weights: Sequence[Array | None], wanted: Sequence[bool]
    ) -> None:
        self.problem, self.weights, self.wanted = problem, weights, tuple(wanted)
        self.chunks = list[int]()
        """The chunks whose outputs were taken."""
        lead = problem.steps, problem.batch
        shapes = problem.model.output_shapes(*problem.shapes)
        self.ys = [
            np.zeros((*lead, *(shape or ())), problem.dtype) if yes else None
            for yes, shape in zip(self.wanted, shapes, strict=True)
        ]

    def take(self, n: int, ys: Sequence[Array | None]) -> None:
        self.chunks.append(n)
        for mine, y, yes in zip(self.ys, ys, self.wanted, strict=True):
            assert (y is not None) == yes
            if mine is not None:
                mine[self.problem.span(n)] = y

    def deltas(self, n: int, ys: Sequence[Array]) -> tuple[float, Sequence[Array | None]]:
        span, value, found = self.problem.span(n), 0.0, list[Array | None]()
        for y, mine, weights in zip(ys, self.ys, self.weights, strict=True):
            assert mine is None or (mine[span] == y).all()
            found.append(None if weights is None else weights[span])
            value += 0.0 if weights is None else float(np.vdot(weights[span], y))
        return value, found


class Kept(InputDeltas):
    """Deltas of an input (T, B, ...)."""

    def __init__(self, problem: Problem, shape: tuple[int, ...], *, placed: bool) -> None:
        self.problem, self.placed = problem, placed
        self.dx = np.full((problem.steps, problem.batch, *shape), np.nan, problem.dtype)

    def place(self, n: int) -> Array | None:
        return self.dx[self.problem.span(n)] if self.placed else None

    def take(self, n: int, dx: Array | None) -> None:
        self.dx[self.problem.span(n)] = 0 if dx is None else dx


class Swept(NamedTuple):
    """What a sweep has done: outputs that were taken, final states, gradients, dx by input."""

    ys: list[Array | None]
    states: Any
    found: SweepGradients
    dxs: dict[int, Array]


@dataclass
class Sweep:
    """A run of a sweep, in its two parts.

    Args:
        weights: of the outputs. wanted: the outputs that are taken.
        dstate: deltas of the final states.
    """

    graph: rb.Graph
    xs: Sequence[Array]
    weights: Sequence[Array | None]
    wanted: Sequence[bool]
    checkpoint: Any = "all"
    chunk: int = 4
    state: Any = None
    dstate: Any = ()
    backend: str | None = None
    placed: bool = True
    ledger: Ledger | None = None
    seed: int = 0
    forecast: SweepForecast = field(init=False)

    def __post_init__(self) -> None:
        how = {"state": self.state, "backend": self.backend, "dtype": self.xs[0].dtype}
        self.problem = posed(self.graph, self.xs, self.chunk, **how)
        outlets = [
            OutletSizes(yes, deltas=(HELD,) * (weights is not None))
            for yes, weights in zip(self.wanted, self.weights, strict=True)
        ]
        recurrent = parts_of(self.problem.model).recurrent
        given = zip(recurrent, self.dstate, strict=True) if self.dstate else ()
        self.sizes: SweepSizes = sizes_of_sweep(
            self.problem,
            outlets,
            places=self.problem.others.numbers if self.placed else (),
            dstate=[node.number for node, deltas in given if deltas is not None],
        )
        self.resolved = of_schedule(self.checkpoint, self.problem, self.sizes)
        predicted = SweepLedger(self.sizes, self.problem.steps, self.problem.chunk)
        self.forecast = predicted.forecast(self.resolved.actions)
        self.outlets = Weighted(self.problem, self.weights, self.wanted)
        series = zip(self.problem.others.numbers, self.problem.series, strict=True)
        self.dxs = {k: Kept(self.problem, part.shape[1:], placed=self.placed) for k, part in series}

    @property
    def lent(self) -> list[Array]:
        """The arrays that belong to others."""
        return [*self.problem.lent_arrays(), *self.problem.model.params.values()]

    def begin(self) -> None:
        """Make the run."""
        self.ledger = Ledger(self.lent) if self.ledger is None else self.ledger
        chunks = SweepChunks(self.problem, self.wanted, seed=self.seed, training=True)
        own = self.resolved, chunks, self.outlets
        self.run = SweepRun(*own, ledger=self.ledger, dxs=self.dxs)

    def forward(self) -> Any:
        """The first part; the final states."""
        self.begin()
        self.states = self.run.forward()
        return self.states

    def backward(self) -> Swept:
        """The second part."""
        found = self.run.backward(self.dstate)
        self.run.close()
        dxs = {k: kept.dx for k, kept in self.dxs.items()}
        return Swept(self.outlets.ys, self.states, found, dxs)


def swept(*args: Any, **how: Any) -> Swept:
    """Both parts of a run."""
    sweep = Sweep(*args, **how)
    sweep.begin()
    with closing(sweep.run):
        sweep.states = sweep.run.forward()
        return sweep.backward()


def inputs(graph: rb.Graph, steps: int, batch: int, dtype: Any = "float64") -> list[Array]:
    """Inputs of a graph, series and static ones."""
    lead = {"step": (steps, batch), "sequence": (batch,)}
    given = zip(graph.pers, graph.input_shapes, strict=True)
    return [
        reals(*lead[per], *(shape or ()), dtype=dtype, seed=k)
        for k, (per, shape) in enumerate(given)
    ]


def weights(graph: rb.Graph, steps: int, batch: int, dtype: Any = "float64") -> list[Array]:
    """Weights of its outputs."""
    shapes = graph.output_shapes(*graph.input_shapes)
    return [
        reals(steps, batch, *(shape or ()), dtype=dtype, seed=50 + k)
        for k, shape in enumerate(shapes)
    ]


def state_deltas(graph: rb.Graph, batch: int, dtype: Any = "float64") -> tuple[Any, ...]:
    """Deltas of the final state of each Recurrent."""
    shapes = [block.cell.state_shapes for block in recurrent_blocks(graph)]
    return tuple(
        tuple(reals(batch, *shape, dtype=dtype, seed=80 + k) for shape in of)
        for k, of in enumerate(shapes)
    )


def traced(run: Callable[[], Any]) -> tuple[int, int]:
    """(bytes that are held after a part of a run, the most within it)."""
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    run()
    held, peak = tracemalloc.get_traced_memory()
    return held - before, peak - before
