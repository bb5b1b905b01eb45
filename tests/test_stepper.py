"""Single steps have the bits of ``predict``, for every kind of model that can be stepped."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import ref

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import UseThreads, assert_same_arrays, reals
from tests.models import CELLS, OTHERS
from tests.stepped import GIVEN, STEPS, arrays, at, copied, joined, steps_of

ROUNDED = {"float32": 1e-5, "float64": 1e-12}
BLAS = ("several: mixed", "several: timeless", "parameters: tied", "parameters: twice")
BY_ROWS = (*BLAS, "parameters: reservoir")
"""Models with a product outside cells that NumPy makes: of one row it may round otherwise."""


@pytest.mark.one_in(19)
@pytest.mark.parametrize("batch", [1, 3, 17])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CELLS | OTHERS)
def test_steps_of_each_cell_have_the_bits_of_a_whole_run(name: str, dtype: str, batch: int) -> None:
    model, x = (CELLS | OTHERS)[name](5, 7, dtype), reals(STEPS, batch, 5, dtype=dtype)
    y, state = rb.predict(model, x)
    stepper = rb.Stepper(model, batch)
    found = steps_of(stepper, x, STEPS)
    np.testing.assert_allclose(found, y, rtol=0, atol=ROUNDED[dtype])
    if_exact(lambda: assert_same_arrays([found, *arrays(stepper.state)], [y, *arrays(state)]))
    stepper.reset()
    block = stepper.steps(x)
    if_exact(lambda: assert_same_arrays([block, *arrays(stepper.state)], [y, *arrays(state)]))


def if_exact(check: Callable[[], None]) -> None:
    """Where machine code runs cells: NumPy's products of one step may round otherwise."""
    {True: check, False: lambda: None}[rb.Backend().name == "llvm"]()


@pytest.mark.one_in(13)
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("name", GIVEN)
def test_steps_of_networks_have_the_bits_of_predict_step_by_step(name: str, batch: int) -> None:
    """Symbols, static inputs, memories, parameter values, several outputs, layers of all kinds."""
    given = GIVEN[name](batch)
    stepper = rb.Stepper(given.model, batch, static=given.static)
    found = steps_of(stepper, given.x, STEPS)
    y, state = rb.predict(given.model, given.all)
    for one, other in zip(arrays(found), arrays(y), strict=True):
        whole = np.broadcast_to(other, one.shape)  # one that is static is there at each step
        np.testing.assert_allclose(one, whole, rtol=0, atol=1e-5)
    if_exact(
        lambda: {True: lambda *_: None, False: assert_same_arrays}[name in BY_ROWS](
            arrays(stepper.state), arrays(state)
        )
    )


def test_products_of_one_row_that_numpy_makes_are_those_of_predict_step_by_step() -> None:
    given = GIVEN["several: mixed"](1)
    stepper, state = rb.Stepper(given.model, static=given.static), None
    for t in range(STEPS):
        whole = [given.static, *[a[t : t + 1] for a in given.x]]
        y, state = rb.predict(given.model, tuple(whole), state=state)
        assert_same_arrays([stepper.step(at(given.x, t))], [y[0]])


@pytest.mark.parametrize("backend", ["numpy", "interpreter"])
@pytest.mark.parametrize("name", ["lstm", "network in cell"])
def test_other_backends_agree_to_rounding(backend: str, name: str) -> None:
    model, x = CELLS[name](5, 7, "float64"), reals(STEPS, 3, 5)
    y, _ = rb.predict(model, x)
    stepper = rb.Stepper(model, 3, backend=backend)
    np.testing.assert_allclose(steps_of(stepper, x, STEPS), y, rtol=0, atol=1e-13)
    stepper.reset()
    np.testing.assert_allclose(stepper.steps(x), y, rtol=0, atol=1e-13)


def lstm_and_head(dtype: str = "float32") -> rb.Sequential:
    return rb.Sequential(
        rb.LSTM(3, 4, rng=0, dtype=dtype, initial="learned"), rb.Dense(4, 2, rng=1, dtype=dtype)
    )


@pytest.mark.quick
def test_rows_begin_anew_and_others_go_on() -> None:
    model, x = lstm_and_head("float64"), reals(STEPS, 3, 3)
    stepper = rb.Stepper(model, 3)
    steps_of(stepper, x, 4)
    stepper.reset([2, 0])
    found = steps_of(stepper, x[4:], 2)
    whole, begun = rb.predict(model, x)[0], rb.predict(model, x[4:])[0]
    np.testing.assert_allclose(found[:, 1], whole[4:, 1], rtol=1e-13)
    np.testing.assert_allclose(found[:, ::2], begun[:, ::2], rtol=1e-13)
    stepper.reset(np.array([True, False, True]))
    steps_of(stepper, x, 2)
    stepper.reset()
    np.testing.assert_allclose(steps_of(stepper, x, STEPS), whole, rtol=1e-13)


def test_a_state_goes_in_and_comes_out() -> None:
    model, x = lstm_and_head("float64"), reals(STEPS, 3, 3)
    stepper, (_, state) = rb.Stepper(model, 3), rb.predict(model, x[:4])
    stepper.state = state
    assert_same_arrays(arrays(stepper.state), arrays(state))
    found = steps_of(stepper, x[4:], 2)
    np.testing.assert_allclose(found, rb.predict(model, x)[0][4:], rtol=1e-13)
    kept = stepper.state
    stepper.step(x[0])
    assert not np.array_equal(kept[0][0], stepper.state[0][0])  # it was a copy
    stepper.state = None
    assert_same_arrays([stepper.steps(x[:1])[0]], [steps_of(rb.Stepper(model, 3), x, 1)[0]])


def test_blocks_and_steps_take_turns() -> None:
    model, x = lstm_and_head("float64"), reals(9, 2, 3)
    stepper = rb.Stepper(model, 2)
    parts = [stepper.steps(x[:3]).copy(), steps_of(stepper, x[3:5], 2)]
    parts += [stepper.steps(x[5:7]).copy(), stepper.steps(x[7:]).copy()]
    np.testing.assert_allclose(np.concatenate(parts), rb.predict(model, x)[0], rtol=1e-13)


def test_y_is_one_array() -> None:
    stepper, x = rb.Stepper(lstm_and_head()), reals(1, 3, dtype="float32")
    first = stepper.step(x)
    kept = first.copy()
    assert np.may_share_memory(stepper.step(x), first)
    assert not np.array_equal(first, kept)


@pytest.mark.skipif(rb.Backend().name != "llvm", reason="machine code alone allocates nothing")
def test_nothing_is_allocated() -> None:
    stepper, x = rb.Stepper(lstm_and_head()), reals(1, 3, dtype="float32")
    stepper.step(x)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in range(100):
            stepper.step(x)
        assert tracemalloc.get_traced_memory()[1] - before < 1000
    finally:
        tracemalloc.stop()


def trained(model: Any, tmp_path: Path) -> None:
    optimizer = rb.optim.SGD(model, 0.1)
    optimizer.step({name: np.ones_like(p) for name, p in model.params.items()})


def loaded(model: Any, tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    other = lstm_and_head()
    other.params.update({name: p + 1 for name, p in other.params.items()})
    rb.save_weights(other, path)
    rb.load_weights(model, path)


def updated(model: Any, tmp_path: Path) -> None:
    model.params.update({name: p * 2 for name, p in model.params.items()})


def replaced(model: Any, tmp_path: Path) -> None:
    model.layers[1].params["weight"] = model.layers[1].params["weight"] + 1


@pytest.mark.quick
@pytest.mark.parametrize("change", [trained, loaded, updated, replaced])
def test_weights_that_the_library_writes_are_seen(
    change: Callable[[Any, Path], None], tmp_path: Path
) -> None:
    model, x = lstm_and_head(), reals(2, 1, 3, dtype="float32")
    stepper = rb.Stepper(model)
    before = copied(stepper.step(x[0]))
    state = stepper.state
    change(model, tmp_path)
    found = copied(stepper.step(x[1]))
    np.testing.assert_allclose(found, rb.predict(model, x[1:], state=state)[0][0], rtol=1e-5)
    assert not np.array_equal(found, before)


@pytest.mark.parametrize("again", ["refresh", "reset"])
def test_weights_that_others_write_are_read_when_asked(again: str) -> None:
    model, x = lstm_and_head(), reals(1, 3, dtype="float32")
    stepper = rb.Stepper(model)
    model.params["1.bias"][...] = 5
    getattr(stepper, again)()
    np.testing.assert_allclose(stepper.step(x), rb.predict(model, x[None])[0][0], rtol=1e-6)


def test_symbols_of_a_table_are_looked_up_in_any_order() -> None:
    """Few symbols: what the cell makes of them is computed once for each."""
    model = rb.Sequential(rb.OneHot(5), rb.GRU(5, 7, rng=0), rb.Dense(7, 5, rng=1))
    x = np.array([[4, 0], [4, 4], [1, 3], [0, 2]])
    found = steps_of(rb.Stepper(model, 2), x, 4)
    y = rb.predict(model, x)[0]
    np.testing.assert_allclose(found, y, rtol=0, atol=1e-6)
    if_exact(lambda: assert_same_arrays([found], [y]))


def test_static_inputs_change_when_another_sequence_begins() -> None:
    given, other = GIVEN["two outputs"](2), reals(2, 4, dtype="float32", seed=9)
    stepper = rb.Stepper(given.model, 2, static=given.static)
    steps_of(stepper, given.x, 3)
    stepper.begin({"s": other})
    found = steps_of(stepper, given.x, STEPS)
    y, _ = rb.predict(given.model, {**given.x, "s": other})
    np.testing.assert_allclose(found["a"], y["a"], rtol=0, atol=1e-6)
    np.testing.assert_allclose(found["b"], y["b"], rtol=0, atol=1e-6)


def test_a_model_that_says_no_shape_learns_it_from_the_first_step() -> None:
    x = rb.Input()
    model = rb.Graph(x, rb.Tanh()(x) * 2.0)
    stepper, given = rb.Stepper(model, 2), reals(3, 2, 4)
    found = joined([copied(stepper.step(given[t])) for t in range(3)])
    np.testing.assert_allclose(found, rb.predict(model, given)[0], rtol=1e-15)


@pytest.mark.parametrize("n", [1, 2])
def test_bits_do_not_depend_on_threads(n: int, use_threads: UseThreads) -> None:
    """Of enough units for threads to share them."""
    use_threads(n)
    model, x = rb.LSTM(8, 900, rng=0), reals(3, 1, 8, dtype="float32")
    stepper = rb.Stepper(model)
    assert_same_arrays([steps_of(stepper, x, 3)], [rb.predict(model, x, chunk=3)[0]])


def test_a_stepper_is_gone_at_once() -> None:
    gc.collect()
    gc.disable()
    try:
        stepper = rb.Stepper(rb.Sequential(rb.LSTM(3, 4), rb.Tanh(), rb.Dense(4, 2)))
        stepper.step(np.zeros((1, 3), "float32"))
        gone = ref(stepper)
        del stepper
        assert gone() is None
    finally:
        gc.enable()
