"""Step programs against the interpreter: helpers, and random cells."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.bptt.results import Accumulators
from rnnbp.compiler.program import Program
from rnnbp.interpreter import Interpreter
from rnnbp.layout import Layout
from rnnbp.rng import Context

CONTEXT = Context(seed=3)


def close(expected: Any, found: Any, what: str) -> None:
    """Equal to 1e-12 of the largest value; None is zero."""
    zero = np.zeros_like(found if expected is None else expected)
    a, b = (zero if part is None else part for part in (expected, found))
    assert a.shape == b.shape, what
    np.testing.assert_allclose(b, a, rtol=0, atol=1e-12 * max(1.0, np.abs(a).max(initial=0)), err_msg=what)


def half_square(y: Any, _: Any) -> Any:
    """A loss of outputs alone."""
    return (y**2).sum() / 2, y.copy()


def compiled(layout: Layout, without: frozenset[str]) -> Program:
    """The step program of a cell."""
    return Program(layout, without=without)


def agree(model: rb.Recurrent, x: np.ndarray, without: Iterable[str] = (), make: Any = compiled) -> None:
    """The program without some rules gives what the interpreter gives: outputs, states, rebuilt tapes, gradients."""
    batch, rng = x.shape[1], np.random.default_rng(1)
    layout = Layout(model.cell, x.shape[2:], batch, np.dtype("float64"))
    plain, program = Interpreter(layout), make(layout, frozenset(without))
    state = [rng.normal(size=(batch, *shape)) for shape in model.cell.state_shapes]
    y, after = plain.advance(x, state, CONTEXT, output=True)
    own, own_after = program.advance(x, state, CONTEXT, output=True)
    close(y, own, "y")
    for a, b, c in zip(after, own_after, program.advance(x, state, CONTEXT, output=False)[1], strict=True):
        close(a, b, "state")
        np.testing.assert_array_equal(b, c)
    recorded, tape = program.record(x, state, CONTEXT)
    np.testing.assert_array_equal(recorded, own)
    kept, thin = program.keep(x, state, CONTEXT, output=True)
    np.testing.assert_array_equal(kept, own)
    rebuilt, again = program.rebuild(x, thin, CONTEXT)
    close(y, rebuilt, "rebuilt y")
    dy, dstate = rng.normal(size=y.shape), [rng.normal(size=a.shape) for a in after]
    tapes = [(plain, plain.record(x, state, CONTEXT)[1]), (program, tape), (program, again)]
    expected, *others = (_backward(model, runner, kept, dy, dstate) for runner, kept in tapes)
    for found in others:
        for what in expected:
            close(expected[what], found[what], what)


def _backward(model: rb.Recurrent, runner: Any, tape: Any, dy: np.ndarray, dstate: list[np.ndarray]) -> dict[str, Any]:
    grads = Accumulators(model)
    dx, carried = runner.backward(tape, dy, dstate, grads)
    return {"dx": dx} | {f"dstate {k}": d for k, d in enumerate(carried)} | grads.grads


POINTWISE = [rb.Sigmoid, rb.Tanh, rb.ReLU, rb.Softmax, rb.GELU, rb.Softplus, rb.Identity, lambda: rb.Dropout(0.4)]


SMALL = st.integers(2, 4)


@st.composite
def cells(draw: Any, sizes: Any = SMALL) -> rb.Recurrent:
    """A random graph of layers over x and one to three states, every value of so many features."""
    seeds = iter(range(1000))
    x = rb.Input(draw(sizes))
    states = [rb.State(draw(sizes)) for _ in range(draw(st.integers(1, 3)))]
    pool: list[Any] = [x, *states]
    made: list[rb.Dense] = []

    def dense(*values: Any, n_out: int) -> Any:
        taken = tuple(v.shape[0] for v in values)
        fits = [layer for layer in made if (layer.n_in, layer.n_out) == (taken, n_out)]
        if not fits or draw(st.booleans()):
            made.append(rb.Dense(taken, n_out, bias=draw(st.booleans()), dtype="float64", rng=next(seeds)))
            return made[-1](*values)
        return draw(st.sampled_from(fits))(*values)

    def fitting(n: int) -> Any:
        found = [v for v in pool if v.shape == (n,)]
        return (
            draw(st.sampled_from(found))
            if found and draw(st.booleans())
            else dense(draw(st.sampled_from(pool)), n_out=n)
        )

    for _ in range(draw(st.integers(1, 8))):
        v = draw(st.sampled_from(pool))
        (n,) = v.shape
        kind = draw(
            st.sampled_from(["dense", "pointwise", "pointwise", "merge", "scale", "split", "slice", "concat", "norm"])
        )
        if kind == "dense" or n == 1:
            pool.append(dense(*draw(st.lists(st.sampled_from(pool), min_size=1, max_size=3)), n_out=draw(sizes)))
        elif kind == "pointwise":
            pool.append(draw(st.sampled_from(POINTWISE))()(v))
        elif kind == "merge":
            other = fitting(n)
            pool.append(draw(st.sampled_from([lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b]))(v, other))
        elif kind == "scale":
            pool.append(rb.Scale(draw(st.sampled_from([-1.0, 1.0, 0.5])), draw(st.sampled_from([0.0, 1.0, -0.3])))(v))
        elif kind == "split":
            pool.extend(rb.Split(1, n - 1)(v))
        elif kind == "slice":
            pool.append(rb.Slice(n, 0, n - 1)(v))
        elif kind == "concat":
            other = draw(st.sampled_from(pool))
            pool.append(rb.Concat(n, other.shape[0])(v, other))
        else:
            pool.append(rb.LayerNorm(n, eps=0.1, dtype="float64")(v))
    after = {s: fitting(s.shape[0]) for s in states}
    return rb.Recurrent(rb.Cell(x, after, output=draw(st.sampled_from(pool))))
