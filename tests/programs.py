"""Step programs against the interpreter: helpers, and random cells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.compiler.gradient import reaching
from rnnbp.compiler.lowering import lower
from rnnbp.compiler.maker import Values
from rnnbp.graph.layout import Layout
from rnnbp.rng import Context
from rnnbp.runners.interpreter.program import Interpreter
from rnnbp.runners.numpy.program import Program
from tests.generator.cells import CellMaker
from tests.generator.draws import Searched

CONTEXT = Context(seed=3)


def close(expected: Any, found: Any, what: str) -> None:
    """Equal to 1e-12 of the largest value; None is zero."""
    zero = np.zeros_like(found if expected is None else expected)
    a, b = (zero if part is None else part for part in (expected, found))
    assert a.shape == b.shape, what
    np.testing.assert_allclose(
        b, a, rtol=0, atol=1e-12 * max(1.0, np.abs(a).max(initial=0)), err_msg=what
    )


def half_square(y: Any, _: Any) -> Any:
    """A loss of outputs alone."""
    return (y**2).sum() / 2, y.copy()


half_square.spare = 0  # type: ignore[attr-defined]  # it has one array at a time, as dy is


def compiled(layout: Layout, without: frozenset[str]) -> Program:
    """The step program of a cell."""
    return Program(layout, without=without)


def agree(
    model: rb.Recurrent, x: np.ndarray, without: Iterable[str] = (), make: Any = compiled
) -> None:
    """The program without some rules has the interpreter's outputs, states, tapes, gradients."""
    agree_on(model, (x,), without, make)


def agree_on(
    model: rb.Recurrent, xs: Sequence[np.ndarray], without: Iterable[str] = (), make: Any = compiled
) -> None:
    """The same of a cell of several inputs."""
    layout, rng = layout_of(model.cell, xs), np.random.default_rng(1)
    batch = layout.batch
    plain, program = Interpreter(layout), make(layout, frozenset(without))
    state = [rng.normal(size=(batch, *shape)) for shape in model.cell.state_shapes]
    y, after = plain.advance(xs, state, CONTEXT, output=True)
    own, own_after = program.advance(xs, state, CONTEXT, output=True)
    close(y, own, "y")
    for a, b, c in zip(
        after, own_after, program.advance(xs, state, CONTEXT, output=False)[1], strict=True
    ):
        close(a, b, "state")
        np.testing.assert_array_equal(b, c)
    recorded, tape = program.record(xs, state, CONTEXT)
    assert y is not None
    np.testing.assert_array_equal(recorded, own)
    kept, thin = program.keep(xs, state, CONTEXT, output=True)
    np.testing.assert_array_equal(kept, own)
    rebuilt, again = program.rebuild(xs, thin, CONTEXT)
    close(y, rebuilt, "rebuilt y")
    reached = reaching(lower(model.cell, layout.shapes, Values()))
    dy = rng.normal(size=y.shape)
    dstate = [
        rng.normal(size=a.shape) if k in reached else None for k, a in enumerate(after, start=1)
    ]
    tapes = [(plain, plain.record(xs, state, CONTEXT)[1]), (program, tape), (program, again)]
    expected, *others = (_backward(model, runner, kept, dy, dstate) for runner, kept in tapes)
    for found in others:
        for what in expected:
            close(expected[what], found[what], what)


def layout_of(cell: rb.Cell, xs: Sequence[np.ndarray]) -> Layout:
    """The layout of a cell for such inputs."""
    lead = cell.pers.index("step")
    axes = [2 if per == "step" else 1 for per in cell.pers]
    shapes = tuple([x.shape[n:] for x, n in zip(xs, axes, strict=False)])
    return Layout(cell, shapes, xs[lead].shape[1], xs[lead].dtype)


def inputs_of(cell: rb.Cell, length: int, batch: int, dtype: str = "float64") -> list[np.ndarray]:
    """Random inputs of a cell."""
    rng, pers = np.random.default_rng(0), cell.pers[: cell.n_inputs]
    shapes = [(batch, *(shape or ())) for shape in cell.input_shapes]
    whole = [(length, *s) if per == "step" else s for s, per in zip(shapes, pers, strict=False)]
    return [rng.normal(size=shape).astype(dtype) for shape in whole]


def _backward(
    model: rb.Recurrent, runner: Any, tape: Any, dy: np.ndarray, dstate: list[Any]
) -> dict[str, Any]:
    grads = Accumulators(model)
    dxs, carried = runner.backward(tape, dy, dstate, grads)
    found = {f"dx{k}": dx for k, dx in enumerate(dxs)}
    return found | {f"dstate {k}": d for k, d in enumerate(carried)} | grads.grads


@st.composite
def cells(
    draw: Any, sizes: Sequence[int] = (2, 3, 4), more: int = 0, *, own: bool = False
) -> rb.Recurrent:
    """A random graph of layers over x and one to three states, all values of as many features.

    Args:
        more: inputs in addition to x.
        own: whether layers that run as Python are among those drawn.
    """
    return rb.Recurrent(CellMaker(Searched(draw), sizes, more=more, own=own).cell())
