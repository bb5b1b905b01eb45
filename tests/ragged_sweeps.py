"""Sweeps whose rows have different lengths, run by themselves, and row by row."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.bptt.outlets import InputDeltas, Outlets
from rnnbp.bptt.ragged_chunks import RaggedChunks
from rnnbp.bptt.ragged_run import RaggedRun
from rnnbp.bptt.resolve import of_schedule
from rnnbp.bptt.sweep_run import SweepRun
from rnnbp.graph.held import holding
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.model_split import parts_of
from rnnbp.inputs.held import Held
from rnnbp.inputs.other_inputs import OtherInputs
from rnnbp.inputs.passed import Form
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.rows import Rows
from rnnbp.inputs.states import initial_states
from rnnbp.ledger import Ledger
from rnnbp.planning.outlet_sizes import OutletSizes
from rnnbp.planning.ragged_ledger import RaggedLedger
from rnnbp.planning.sweep_ledger import SweepForecast
from rnnbp.planning.sweep_sizes import sizes_of_sweep
from rnnbp.runners.backend import Backend
from tests.helpers import reals
from tests.sweep_runs import Array, Swept, dense


def stacked(n: int, dtype: Any = "float64", *, held: bool) -> rb.Graph:
    """Two Recurrents, layers between them and after, a static input; two outputs."""
    x, s, live = rb.Input(n, "x"), rb.Input(2, "s", per="sequence"), rb.Input(1, "live")
    one = rb.LSTM(n, n + 1, rng=0, dtype=dtype, initial="learned")
    other = rb.GRU(n, n + 2, rng=1, dtype=dtype)
    flag = (live,) if held else ()
    if held:
        one, other = (holding(block, live=True, resets=False) for block in (one, other))
    h = one(rb.Tanh()(dense(n, n, 2, dtype)(x)), *flag)
    z = rb.Dense((n + 1, 2), n, rng=3, dtype=dtype)(h, s)
    y = dense(n + 2, 3, 4, dtype)(other(rb.Dropout(0.0)(z), *flag))
    return rb.Graph((x, s, *flag), (h, rb.Tanh()(y)))


def single(n: int, dtype: Any = "float64", *, held: bool) -> rb.Graph:
    """A Recurrent by itself."""
    x, live = rb.Input(n, "x"), rb.Input(1, "live")
    block = rb.LSTM(n, n, rng=0, dtype=dtype)
    if held:
        return rb.Graph((x, live), holding(block, live=True, resets=False)(x, live))
    return rb.Graph(x, block(x))


GRAPHS = {"stacked": stacked, "single": single}


class OfRows(Held):
    """A series (T, B, ...), of which each chunk has its live rows."""

    def __init__(self, given: Array, rows: Rows, chunk: int) -> None:
        super().__init__(given, fresh=True)
        self._rows, self._given, self._chunk = rows, given, chunk

    def read(self, span: slice) -> Array:
        return self._given[span, : self._rows.live(span.start)].copy()


class Weighted(Outlets):
    """Each output has weights (T, B, n), which are 0 past the ends of rows."""

    def __init__(self, problem: Problem, weights: Sequence[Array], wanted: Sequence[bool]) -> None:
        self.problem, self.weights, self.wanted = problem, weights, tuple(wanted)
        self.ys = [
            np.zeros_like(w) if yes else None for w, yes in zip(weights, wanted, strict=True)
        ]

    def take(self, n: int, ys: Sequence[Array | None]) -> None:
        for mine, y in zip(self.ys, ys, strict=True):
            if mine is not None:
                mine[self.problem.span(n), : self.problem.live(n)] = y

    def deltas(self, n: int, ys: Sequence[Array]) -> tuple[float, Sequence[Array | None]]:
        span, live = self.problem.span(n), self.problem.live(n)
        found = [w[span, :live].copy() for w in self.weights]
        return sum(float(np.vdot(w, y)) for w, y in zip(found, ys, strict=True)), found


class Kept(InputDeltas):
    """Deltas of an input (T, B, ...), zeros where nothing comes."""

    def __init__(self, problem: Problem, shape: tuple[int, ...]) -> None:
        self.problem = problem
        self.dx = np.zeros((problem.steps, problem.batch, *shape), problem.dtype)

    def take(self, n: int, dx: Array | None) -> None:
        if dx is not None:
            self.dx[self.problem.span(n), : self.problem.live(n)] = dx


@dataclass
class Ragged:
    """A run of a sweep of rows of these lengths, the longest first, in its two parts."""

    graph: rb.Graph
    xs: Sequence[Array]
    lengths: Sequence[int]
    weights: Sequence[Array]
    wanted: Sequence[bool]
    checkpoint: Any = "all"
    chunk: int = 4
    state: Any = None
    dstate: Any = ()
    backend: str | None = None
    forecast: SweepForecast = field(init=False)

    def __post_init__(self) -> None:
        self.rows = Rows(np.array(self.lengths, np.int64))
        self.problem = self._problem()
        recurrent = parts_of(self.problem.model).recurrent
        outlets = [OutletSizes(yes) for yes in self.wanted]
        given = zip(recurrent, self.dstate, strict=True) if self.dstate else ()
        dstate = [node.number for node, deltas in given if deltas is not None]
        self.sizes = sizes_of_sweep(self.problem, outlets, dstate=dstate)
        self.resolved = of_schedule(self.checkpoint, self.problem, self.sizes)
        ledger = RaggedLedger(self.sizes, self.rows, self.problem.chunk)
        self.forecast = ledger.forecast(self.resolved.actions)
        self.outlets = Weighted(self.problem, self.weights, self.wanted)
        series = zip(self.problem.others.numbers, self.problem.series, strict=True)
        self.dxs = {k: Kept(self.problem, part.shape[1:]) for k, part in series}

    def _problem(self) -> Problem:
        model, found = hoisted(self.graph), parts_of(hoisted(self.graph))
        live = self.rows.alive_at(0, self.rows.steps, self.xs[0].dtype)[..., None]
        xs = [*self.xs, live]
        series = {k: OfRows(xs[k], self.rows, self.chunk) for k in found.series}
        x, dtype = series.pop(found.x), self.xs[0].dtype
        static = {k: xs[k] for k, per in enumerate(model.pers) if per == "sequence"}
        others = OtherInputs(found.x, series, static, frozenset(), Form(several=True))
        states, given, lent = initial_states(model, self.state, x.shape[0], dtype)
        own = Backend() if self.backend is None else Backend(self.backend)
        of_model = model, x, dtype, self.chunk, states, given, ()
        return Problem(*of_model, own, lent, training=True, others=others, rows=self.rows)

    @property
    def lent(self) -> list[Array]:
        """The arrays that belong to others."""
        return [*self.problem.lent_arrays(), *self.problem.model.params.values()]

    def begin(self) -> SweepRun:
        """Make the run."""
        self.ledger = Ledger(self.lent)
        chunks = RaggedChunks(self.problem, self.wanted, seed=0, training=True)
        own = self.resolved, chunks, self.outlets
        self.run = RaggedRun(*own, ledger=self.ledger, dxs=self.dxs)
        return self.run

    def swept(self) -> Swept:
        """Both parts of a run."""
        with closing(self.begin()) as run:
            states = run.forward()
            found = run.backward(self.dstate)
        return Swept(self.outlets.ys, states, found, {k: kept.dx for k, kept in self.dxs.items()})


def data(
    graph: rb.Graph, lengths: Sequence[int], dtype: Any = "float64"
) -> tuple[list[Array], list[Array]]:
    """Inputs, and weights of outputs, of a graph that is not held; zeros past the ends of rows."""
    steps, batch = max(lengths), len(lengths)
    alive = (np.arange(steps)[:, None] < np.array(lengths))[..., None]
    lead = {"step": (steps, batch), "sequence": (batch,)}
    pairs = zip(graph.pers, graph.input_shapes, strict=True)
    xs = [
        reals(*lead[per], *(shape or ()), dtype=dtype, seed=k)
        for k, (per, shape) in enumerate(pairs)
    ]
    xs = [x * alive if x.ndim > len("Bn") else x for x in xs]
    shapes = graph.output_shapes(*graph.input_shapes)
    ws = [reals(steps, batch, *(s or ()), dtype=dtype, seed=50 + k) for k, s in enumerate(shapes)]
    return [x.astype(dtype) for x in xs], [(w * alive).astype(dtype) for w in ws]
