"""States that are held past the end of a sequence, and that begin anew within it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.graph.held import holding
from rnnbp.layers.choose import Choose
from rnnbp.rng import Context
from tests import models
from tests.fewer_rows import BACKENDS, given_to, runner_of
from tests.helpers import assert_same_arrays, reals
from tests.programs import agree_on, close, inputs_of

STEPS, BATCH, N_X, N = 7, 4, 3, 5
LENGTHS = np.array([7, 5, 5, 1])
FLAGS = {"live": (True, False), "resets": (False, True), "both": (True, True)}


SAME = {
    "numpy": lambda found, expected: close(expected, found, "dx"),  # BLAS, by the number of steps
    "interpreter": lambda found, expected: assert_same_arrays([found], [expected]),
    "llvm": lambda found, expected: assert_same_arrays([found], [expected]),
}


def kernels(layout: Any, without: frozenset[str]) -> Any:
    from tests.kernel_programs import kernels as made

    return made(layout, without)


def graph_of(held: rb.Recurrent) -> rb.Graph:
    """A model of one Recurrent whose inputs are those of its cell."""
    cell = held.cell
    inputs = [
        rb.Input(shape, name or "x", per=per)
        for shape, name, per in zip(cell.input_shapes, cell.input_names, cell.pers, strict=True)
    ][: cell.n_inputs]
    return rb.Graph(inputs, held(*inputs))


def flags(*, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Whether a row is alive, for ``LENGTHS``, and whether it goes on from the step before."""
    live = (np.arange(STEPS)[:, None] < LENGTHS).astype(float)[..., None]
    keep = (np.random.default_rng(seed).random((STEPS, BATCH, 1)) < 0.6).astype(float)
    return live, keep


def run(model: Any, xs: Any, dy: np.ndarray, backend: str, **how: Any) -> rb.Gradients:
    """The gradients of Σ y ⊙ dy."""
    return rb.bptt(model, xs, dy, lambda y, dy: ((y * dy).sum(), dy.copy()), backend=backend, **how)


@pytest.mark.one_in(50, "how")
@pytest.mark.parametrize("how", FLAGS)
@pytest.mark.parametrize("backend", BACKENDS[1:])
@pytest.mark.parametrize("cell", models.CELLS)
def test_compiled_cells_agree_with_the_interpreter(cell: str, backend: str, how: str) -> None:
    live, resets = FLAGS[how]
    held = holding(models.CELLS[cell](N_X, N, "float64"), live=live, resets=resets)
    make = {"make": kernels} if backend == "llvm" and cell != "network in cell" else {}
    agree_on(held, inputs_of(held.cell, STEPS, BATCH), **make)


@pytest.mark.one_in(18, "how")
@pytest.mark.parametrize("given", [(), (True, True), (False, True)])
@pytest.mark.parametrize("initial", ["zeros", "learned"])
@pytest.mark.parametrize("how", FLAGS)
def test_gradients_agree_with_complex_steps(how: str, initial: str, given: Any) -> None:
    live, resets = FLAGS[how]
    lstm = rb.LSTM(1, 2, rng=0, dtype="float64", initial=initial)
    held = holding(lstm, live=live, resets=resets, given=given)
    xs, target = inputs_of(held.cell, 4, 3), reals(4, 3, 2)
    found = rb.check_grads(graph_of(held), tuple(xs), target, rb.losses.MeanSquaredError())
    assert found.worst < 1e-12


@pytest.mark.one_in(12, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "gru reset after", "minlstm", "slstm"])
def test_a_row_that_ends_is_a_row_alone(cell: str, backend: str) -> None:
    model = models.CELLS[cell](N_X, N, "float64")
    live, _ = flags()
    x, dy = reals(STEPS, BATCH, N_X) * live, reals(STEPS, BATCH, N, seed=1) * live
    found = run(graph_of(holding(model, live=True, resets=False)), (x, live), dy, backend, chunk=3)
    assert isinstance(found.dx, tuple)
    total = {name: np.zeros_like(array) for name, array in model.params.items()}
    for row, length in enumerate(LENGTHS):
        here = slice(length), slice(row, row + 1)
        alone = run(model, x[here], dy[here], backend, chunk=3)
        close(alone.dx, found.dx[0][here], "dx")
        for one, all_ in zip(alone.state[0], found.state[0], strict=True):
            close(one[0], all_[row], "state")
        total = {name: array + alone.grads[name] for name, array in total.items()}
    for name, array in total.items():
        close(array, found.grads[f"0.{name}"], name)
    assert not found.dx[0][live[..., 0] == 0].any()


@pytest.mark.one_in(12, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("initial", ["zeros", "learned"])
@pytest.mark.parametrize("cell", ["LSTM", "GRU"])
def test_a_reset_begins_an_episode_alone(cell: str, initial: str, backend: str) -> None:
    model = getattr(rb, cell)(N_X, N, rng=2, dtype="float64", initial=initial)
    for seed, array in enumerate(getattr(model, "initial", {}).values()):
        array[...] = reals(N, seed=seed)
    keep = np.ones((STEPS, 1, 1))
    keep[[0, 3, 4]] = 0
    x, dy = reals(STEPS, 1, N_X), reals(STEPS, 1, N, seed=1)
    statics = [array[None] for array in model.initial.values()]
    held = graph_of(holding(model, live=False, resets=True))
    whole = run(held, (x, keep, *statics), dy, backend, chunk=2, return_y=True)
    assert isinstance(whole.dx, tuple)
    total = {name: np.zeros_like(array) for name, array in model.params.items()}
    for start, stop in ((0, 3), (3, 4), (4, STEPS)):
        alone = run(model, x[start:stop], dy[start:stop], backend, return_y=True)
        assert_same_arrays([whole.y[start:stop]], [alone.y])
        SAME[backend](whole.dx[0][start:stop], alone.dx)
        total = {name: array + alone.grads[name] for name, array in total.items()}
    assert_same_arrays(whole.state[0], alone.state[0])
    for name in model.cell.params:
        close(total[name], whole.grads[f"0.{name}"], name)
    for delta, name in zip(whole.dx[2:], model.initial, strict=True):
        close(total[name], delta[0] + whole.grads[f"0.{name}"], name)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_not_chosen_may_be_infinite(backend: str) -> None:
    """NaN in a state that is reset, or put in place of a held one, goes nowhere."""
    model = holding(rb.GRU(N_X, N, rng=0, dtype="float64"), live=True, resets=True)
    runner = runner_of(model, backend, STEPS, 1)
    x, live, keep, state, dstate, dy = given_to(model, STEPS, 1)
    live[...], keep[...] = 1, 1
    keep[2], live[5:] = 0, 0

    def chunk(x: np.ndarray, dy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        y, tape = runner.record((x, live, keep), (state,), Context(length=STEPS))
        dxs, _ = runner.backward(tape, dy, (dstate,), Accumulators(model))
        return np.array(y[2:6]), np.array(dxs[0][:2]), tape.leaving[0]

    plain, spoilt, wild = chunk(x, dy), x.copy(), dy.copy()
    spoilt[1], spoilt[6], wild[3] = np.nan, np.inf, np.inf
    with np.errstate(all="ignore"):
        (y, _, after), (_, dx, _) = chunk(spoilt, dy), chunk(x, wild)
    assert_same_arrays([y, dx, after], plain)


def dropping() -> rb.Recurrent:
    """A cell with random layers, whose numbers depend on where they stand."""
    x, h = rb.Input(N_X), rb.State(N, "h")
    new = rb.Tanh()(rb.Dense((N_X, N), N, rng=0, dtype="float64")(rb.Dropout(0.3)(x), h))
    h_new = rb.Zoneout(0.2)(h, new)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=rb.GaussianNoise(0.1)(h_new)))


@pytest.mark.one_in(6, "cell")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", ["lstm", "random"])
def test_flags_that_are_all_set_change_no_bit(cell: str, backend: str) -> None:
    model = {"lstm": lambda: rb.LSTM(N_X, N, rng=0, dtype="float64"), "random": dropping}[cell]()
    x, dy, one = reals(STEPS, 2, N_X), reals(STEPS, 2, N), np.ones((STEPS, 2, 1))
    held = graph_of(holding(model, live=True, resets=True))
    found, expected = run(held, (x, one, one), dy, backend), run(model, x, dy, backend)
    assert_same_arrays([found.dx[0], *found.state[0]], [expected.dx, *expected.state[0]])
    assert_same_arrays(found.grads.values(), expected.grads.values())


def test_its_parameters_are_those_of_the_recurrent() -> None:
    lstm = rb.LSTM(N_X, N, rng=0, initial="learned", name="encoder")
    held = holding(lstm, live=True, resets=True)
    assert held is holding(lstm, live=True, resets=True)
    assert held is not holding(lstm, live=True, resets=False)
    assert [*held.params] == [*lstm.params]
    assert all(held.params[name] is array for name, array in lstm.params.items())
    assert held.cell.input_names == ("", "live", "keep", "initial_h", "initial_c", "h", "c")
    assert repr(held) == repr(lstm)


def test_a_layer_that_chooses() -> None:
    flag, a, b = np.array([[1.0], [0.5], [0.0]]), reals(3, 2, 2), reals(3, 2, 2, seed=1)
    dy = reals(3, 2, 2, seed=2)
    y, saved = Choose().forward(flag, a, b)
    assert_same_arrays([y], [np.stack([a[0], a[1], b[2]])])
    _, da, db = Choose().backward_inputs(saved, dy)
    zero = np.zeros((2, 2))
    assert_same_arrays([da, db], [np.stack([dy[0], dy[1], zero]), np.stack([zero, zero, dy[2]])])
    y, saved = Choose(zero=True).forward(flag, a)
    assert_same_arrays([y], [np.stack([a[0], a[1], zero])])
    assert len(Choose(zero=True).backward_inputs(saved, dy)) == 2
    with pytest.raises(rb.ShapeError, match="takes a flag"):
        Choose().output_shapes((1,), (3,), (4,))
