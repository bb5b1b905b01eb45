"""Cells with parameter values, and runners on what remains of them once these are taken out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.compiler.leaves import key_of, owners
from rnnbp.graph.graph import Graph
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.layout import Layout
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Value
from rnnbp.numerics import Array
from rnnbp.rng import Context
from rnnbp.runners.backend import Backend
from rnnbp.runners.base import Runner
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace

N = 4
CONTEXT = Context(seed=3)
Step = Callable[[Value, Value, Value], Value]
"""(x, s, h) -> the next h, all of N features."""


def vector() -> Value:
    return rb.Parameter(N, dtype="float64", rng=1)


def matrix() -> Value:
    return rb.Parameter((N, N), dtype="float64", rng=2)


def _twice(x: Value, s: Value, h: Value) -> Value:
    w, b = matrix(), vector()
    found: Value = rb.Tanh()(w @ h + w.T @ x + b) * b - b
    return found


def _all(x: Value, s: Value, h: Value) -> Value:
    gate = rb.Sigmoid()(matrix() @ s + vector())
    found: Value = gate * h + (1 - gate) * rb.Tanh()(matrix() @ h + x)
    return found


def _dense(x: Value, s: Value, h: Value) -> Value:
    found: Value = rb.Tanh()(rb.Dense((N, N), N, dtype="float64", rng=3)(h, vector()) + x)
    return found


SIGNS = np.where(np.arange(N * N).reshape(N, N) % 3 == 0, -1.0, 0.5)


def _square(v: Value, seed: int) -> Value:
    """A matrix made of features."""
    found: Value = rb.Reshape(N * N, (N, N))(rb.Dense(N, N * N, dtype="float64", rng=seed)(v))
    return found


def _pair(v: Value) -> Value:
    """Two columns made of features."""
    found: Value = rb.Reshape(2 * N, (N, 2))(rb.Dense(N, 2 * N, dtype="float64", rng=5)(v))
    return found


STEPS: dict[str, Step] = {
    "W h": lambda x, s, h: rb.Tanh()(matrix() @ h + x),
    "Wt h": lambda x, s, h: rb.Tanh()(matrix().T @ h + x),
    "h W": lambda x, s, h: rb.Tanh()(h @ matrix() + x),
    "W x": lambda x, s, h: rb.Tanh()(matrix() @ x + h),
    "h + b": lambda x, s, h: rb.Tanh()(h + x + vector()),
    "b - h": lambda x, s, h: rb.Tanh()(vector() - h + x),
    "h - b": lambda x, s, h: rb.Tanh()(h - vector() + x),
    "b * h": lambda x, s, h: vector() * h + x,
    "one twice": _twice,
    "W s": lambda x, s, h: rb.Tanh()(matrix() @ s + h) * x,
    "all": _all,
    "W of a product": lambda x, s, h: rb.Tanh()((matrix() @ matrix()) @ h + x),
    "concat": lambda x, s, h: rb.Dense(2 * N, N, dtype="float64", rng=4)(
        rb.Concat(N, N)(vector(), rb.Tanh()(h + x))
    ),
    "dense": _dense,
    "softmax": lambda x, s, h: rb.Softmax()(vector()) * h + x,
    "features @ h": lambda x, s, h: rb.Tanh()(_square(x, 3) @ h + x),
    "features @ b": lambda x, s, h: rb.Tanh()(_square(h, 3) @ vector() + x),
    "features.T @ h": lambda x, s, h: rb.Tanh()(_square(x, 3).T @ h + x),
    "static @ h": lambda x, s, h: rb.Tanh()(_square(s, 3) @ h + x),
    "W @ features": lambda x, s, h: rb.Reshape((N, 2), 2 * N)(matrix() @ _pair(h))[:N] + x,
    "arithmetic": lambda x, s, h: abs(matrix() * SIGNS) @ h + 1 / (2 + vector() ** 2) * x,
    "an array @ h": lambda x, s, h: rb.Tanh()(SIGNS @ h + matrix() @ np.ones(N) + x @ SIGNS),
    "one number": lambda x, s, h: rb.Parameter(1, dtype="float64", rng=7) * h + x,
    "the next state": lambda x, s, h: vector() * 2,
}


def recurrent(step: Step, output: Callable[[Value, Value], Value] | None = None) -> Recurrent:
    """A Recurrent of a step; its output is the next state, or what ``output`` makes of (h, x)."""
    x, s = rb.Input(N, "x"), rb.Input(N, "s", per="sequence")
    h = rb.State(N, "h")
    new = step(x, s, h)
    y = new if output is None else output(new, x)
    return Recurrent(rb.Cell((x, s), {h: new}, output=y))


@dataclass
class Within:
    """What remains of a model's cell, and its inputs."""

    layout: Layout
    xs: list[Array]
    state: tuple[Array, ...]

    def at(self, dtype: str) -> Within:
        """The same in another dtype."""
        kind = np.dtype(dtype)
        layout = Layout(self.layout.cell, self.layout.x_shapes, self.layout.batch, kind)
        xs, state = [x.astype(kind) for x in self.xs], tuple(s.astype(kind) for s in self.state)
        return Within(layout, xs, state)


def within(model: Recurrent, *, steps: int = 5, batch: int = 3) -> Within:
    """The cell within, with random inputs, leaves and state."""
    graph, rng = hoisted(Graph.of_one(model)), np.random.default_rng(5)
    (node,) = (node for node in graph.nodes if isinstance(node.block, Recurrent))
    assert isinstance(node.block, Recurrent)
    cell = node.block.cell
    known = graph.value_shapes(*graph.input_shapes)
    shapes = tuple([known[k] or () for k in node.args])
    lead = {"step": (steps, batch), "sequence": (batch,), "run": ()}
    xs = [
        rng.normal(size=(*lead[per], *shape)) for per, shape in zip(cell.pers, shapes, strict=False)
    ]
    state = tuple(rng.normal(size=(batch, *shape)) for shape in cell.state_shapes)
    return Within(Layout(cell, shapes, batch, np.dtype("float64")), xs, state)


def backward(
    runner: Runner, given: Within, dy: Array, dstate: Array, *, rebuilt: bool = False
) -> dict[str, Array | None]:
    """Deltas of inputs and state, and parameter gradients, by name."""
    if rebuilt:
        thin = runner.keep(given.xs, given.state, CONTEXT, output=False)[1]
        tape = runner.rebuild(given.xs, thin, CONTEXT)[1]
    else:
        tape = runner.record(given.xs, given.state, CONTEXT)[1]
    grads, cell = Accumulators(Recurrent(given.layout.cell)), given.layout.cell
    sums = {k: np.zeros_like(x) for k, x in enumerate(given.xs) if cell.pers[k] == "run"}
    for k, total in sums.items():
        grads.place(owners.of(cell), key_of(k), total)
    reached = cell.n_inputs in given.layout.reached  # others have no delta
    dxs, carried = runner.backward(tape, dy, (dstate if reached else None,), grads)
    for k, total in sums.items():
        total += 0 if (dx := dxs[k]) is None else dx
    found = {f"input {k}": sums.get(k, dx) for k, dx in enumerate(dxs)}
    return found | {f"state {k}": d for k, d in enumerate(carried)} | dict(grads.grads)


def compiled(given: Within, backend: str, threads: int = 1) -> Runner:
    """The runner of a backend, which has read the leaves."""
    workspace = Workspace(threads=threads)
    makers = Runners(Backend(backend), workspace)
    found = makers.recurrent(given.layout, None)
    cell = given.layout.cell
    leaves = {k: x for k, x in enumerate(given.xs) if cell.pers[k] == "run"}
    found.take(leaves)
    found.prepare(len(given.xs[given.layout.lead]))
    makers.pack()
    return found
