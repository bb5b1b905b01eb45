"""One chunk of a cell by every action of its runner, on the whole batch or on its first rows."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.graph.layout import Layout
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.team import threads
from rnnbp.rng import Context
from rnnbp.runners.backend import Backend
from rnnbp.runners.base import Runner
from rnnbp.runners.select import Runners
from rnnbp.runners.workspace import Workspace
from tests.programs import inputs_of, layout_of

LLVM = ["llvm"] if find_spec("llvmlite") else []
BACKENDS = ["interpreter", "numpy", *LLVM]

Found = dict[str, Any]
"""Arrays by name, None for a delta that is zero."""


def prepared(
    layout: Layout, backend: str, length: int, symbols: Symbols | None = None
) -> tuple[Runner, Runners]:
    """The runner of a cell, ready for chunks of this many steps, and what packs its weights."""
    runners = Runners(Backend(backend), Workspace(threads=threads.count()))
    found = runners.recurrent(layout, symbols)
    found.prepare(length)
    runners.pack()
    return found, runners


def given_to(model: rb.Recurrent, length: int, batch: int) -> list[np.ndarray]:
    """Random inputs, a state, and deltas of y and of the state, for all rows."""
    xs, rng = inputs_of(model.cell, length, batch), np.random.default_rng(7)
    shapes = model.cell.state_shapes
    states = [rng.normal(size=(batch, *shape)) for shape in (*shapes, *shapes)]
    (y,) = model.output_shapes(*model.cell.input_shapes[: model.cell.n_inputs])
    assert y is not None
    return [*xs, *states, rng.normal(size=(length, batch, *y))]


def runner_of(model: rb.Recurrent, backend: str, length: int, batch: int) -> Runner:
    """The same for inputs that are drawn."""
    layout = layout_of(model.cell, inputs_of(model.cell, length, batch))
    return prepared(layout, backend, length)[0]


def cut(model: rb.Recurrent, given: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
    """What is given to the first rows."""
    cell = model.cell
    axes = [1 if per == "step" else 0 for per in cell.pers[: cell.n_inputs]]
    axes += [0] * (2 * len(cell.state_shapes)) + [1]
    pairs = zip(given, axes, strict=True)
    return [np.ascontiguousarray(x[:, :rows] if axis else x[:rows]) for x, axis in pairs]


def alone(model: rb.Recurrent, given: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
    """The deltas of y and of the state are 0 but for the first rows."""
    found, n = [x.copy() for x in given], len(model.cell.state_shapes)
    found[-1][:, rows:] = 0
    for delta in found[-1 - n : -1]:
        delta[rows:] = 0
    return found


def everything(
    model: rb.Recurrent,
    runner: Runner,
    given: Sequence[np.ndarray],
    network: rb.Sequential | None = None,
) -> Found:
    """What each action returns, and what backward makes of a tape that was recorded or rebuilt.

    Args:
        network: that the cell's Recurrent is in, if its other parameters have gradients too.
    """
    n, m = len(model.cell.state_shapes), model.cell.n_inputs
    xs, state, dstate, dy = given[:m], given[m : m + n], given[m + n : -1], given[-1]
    context = Context(seed=5, step=3, length=len(dy))
    y, after = runner.advance(xs, state, context, output=True)
    found: Found = {"y": np.array(y)} | _named("state", after)
    found |= _named("advanced", runner.advance(xs, state, context, output=False)[1])
    kept, thin = runner.keep(xs, state, context, output=True)
    found |= {"kept y": np.array(kept)} | _named("thin", [*thin.at(1), *thin.leaving])
    for how in ("recorded", "rebuilt"):
        if how == "recorded":
            y, tape = runner.record(xs, state, context)
        else:
            y, tape = runner.rebuild(xs, thin, context)
        found |= {f"{how} y": np.array(y)} | _named(how, [*tape.entering, *tape.leaving])
        grads = Accumulators(model if network is None else network)
        dxs, carried = runner.backward(tape, dy, dstate, grads)
        if runner.table is not None:
            runner.table.finish(grads)
        found |= _named(f"{how} dx", dxs) | _named(f"{how} dstate", carried)
        found |= {f"{how} {name}": np.array(grad) for name, grad in grads.grads.items()}
    return found


def _named(what: str, arrays: Sequence[np.ndarray | None]) -> Found:
    return {f"{what} {k}": array for k, array in enumerate(arrays)}


def compare(model: rb.Recurrent, found: Found, whole: Found, rows: int, rtol: float) -> None:
    """Fewer rows have what the first rows of the whole batch have, and the same gradients.

    Args:
        whole: with deltas of the first rows alone.
    """
    assert found.keys() == whole.keys()
    for name, array in found.items():
        expected = whole[name]
        assert (array is None) == (expected is None), name
        if expected is not None:
            part = expected if array.shape == expected.shape else _first(expected, array.shape)
            bound = rtol * max(1.0, np.abs(part).max(initial=0))
            np.testing.assert_allclose(array, part, rtol=0, atol=bound, err_msg=name)
            assert np.isfinite(array).all(), name


def _first(whole: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The first rows, along the one axis that is longer."""
    return np.asarray(whole[tuple(slice(n) for n in shape)])
