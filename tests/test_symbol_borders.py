"""Symbols at the borders: cells that take them, the dtype of floats, rules left out."""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from tests.helpers import assert_close
from tests.models import minimal_gated_unit
from tests.programs import half_square

COMPILED = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
SYMBOLS = 5
KINDS = ["int64", "uint8", "int32"]


def symbols(steps: int = 9, batch: int = 3, dtype: str = "int64") -> np.ndarray:
    return np.random.default_rng(0).integers(0, SYMBOLS, (steps, batch)).astype(dtype)


def embedding(n: int, dtype: str, rng: int = 0) -> rb.Embedding:
    return rb.Embedding(SYMBOLS, n, rng=rng, dtype=dtype)


def in_cell(dtype: str) -> Any:
    x, h = rb.Input(()), rb.State(3, "h")
    new = rb.Tanh()(rb.Dense((4, 3), 3, rng=1, dtype=dtype)(embedding(4, dtype)(x), h))
    return rb.Recurrent(rb.Cell(x, {h: new}, new))


def one_hot_in_cell(dtype: str) -> Any:
    x, h = rb.Input(()), rb.State(3, "h")
    gate = rb.Sigmoid()(rb.Dense((SYMBOLS, 3), 3, rng=1, dtype=dtype)(rb.OneHot(SYMBOLS)(x), h))
    return rb.Recurrent(rb.Cell(x, {h: gate * h + (1 - gate)}, h))


def two_in_cell(dtype: str) -> Any:
    """Two layers take the symbols, one of them twice; the output depends on symbols alone."""
    x, h = rb.Input(), rb.State(3, "h")
    shared, other = embedding(3, dtype), rb.OneHot(SYMBOLS)
    new = rb.Tanh()(
        shared(x) + rb.Dense((SYMBOLS, 3), 3, rng=1, dtype=dtype)(other(x), h) * shared(x)
    )
    return rb.Recurrent(
        rb.Cell(x, {h: new}, rb.GELU()(embedding(4, dtype, 7)(x))), initial="learned", dtype=dtype
    )


def within_a_network(dtype: str) -> Any:
    return rb.Sequential(
        in_cell(dtype), rb.GRU(3, 4, rng=3, dtype=dtype), rb.Dense(4, 2, rng=4, dtype=dtype)
    )


def inside_and_outside(dtype: str) -> Any:
    """The input goes into a cell, and through an Embedding into another."""
    x = rb.Input(())
    a, b = in_cell(dtype)(x), rb.RNN(4, 3, rng=5, dtype=dtype)(embedding(4, dtype, 6)(x))
    return rb.Graph(x, rb.Dense((3, 3), 2, rng=4, dtype=dtype)(a, b))


CELLS: dict[str, Callable[[str], Any]] = {
    "Embedding": in_cell,
    "OneHot": one_hot_in_cell,
    "two": two_in_cell,
    "network": within_a_network,
    "graph": inside_and_outside,
}
SCHEDULES: list[Any] = [
    "sqrt",
    lambda n: rb.schedules.Revolve(n, 2),
    lambda n: rb.schedules.ThinTapes(n, 3),
]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "without", [(), ("hoisted",), RULES], ids=lambda rules: "+".join(rules) or "none"
)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backend", COMPILED)
def test_cells_that_take_symbols_give_what_the_interpreter_gives(
    backend: str, cell: str, without: tuple[str, ...]
) -> None:
    model, x = CELLS[cell]("float64"), symbols()
    wanted = rb.bptt(model, x, None, half_square, chunk=4, backend="interpreter")
    for schedule, kind in zip(("all", *SCHEDULES), ("int64", *KINDS), strict=True):
        chosen = rb.Backend(backend, without=without)
        found = rb.bptt(
            model, x.astype(kind), None, half_square, chunk=4, checkpoint=schedule, backend=chosen
        )
        assert_close(found, wanted)
        assert found.dx is None


@pytest.mark.parametrize(
    "cell", ["Embedding", "OneHot", "two", pytest.param("network", marks=pytest.mark.long), "graph"]
)
def test_their_gradients_by_complex_steps(cell: str) -> None:
    assert rb.check_grads(CELLS[cell]("float32"), symbols(5, 2), None, half_square).worst < 1e-12


@pytest.mark.parametrize("cell", CELLS)
def test_their_predictions_and_losses(cell: str) -> None:
    model, x = CELLS[cell]("float64"), symbols()
    y = rb.predict(model, x, chunk=4)[0]
    loss = rb.bptt(model, x, None, half_square, backend="interpreter").loss
    assert (y**2).sum() / 2 == pytest.approx(loss, rel=1e-12)
    assert rb.evaluate(model, x, None, half_square)[0] == pytest.approx(loss, rel=1e-12)


@pytest.mark.long
@pytest.mark.one_in(6)
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", lambda n: rb.schedules.ThinTapes(n, 3)])
@pytest.mark.parametrize("cell", ["Embedding", "two", "network"])
@pytest.mark.parametrize("backend", COMPILED)
def test_their_bytes(backend: str, cell: str, checkpoint: Any) -> None:
    """Of few sequences, whose bytes are Python's objects for the most part, and of many."""
    model = CELLS[cell]("float32")
    given: Any = {"chunk": 16, "checkpoint": checkpoint, "backend": backend}
    for batch in (1, 256):
        plan = rb.forecast(model, half_square, steps=160, batch=batch, x_shape=(), **given)
        x = symbols(160, batch)
        rb.bptt(model, x, None, half_square, **given)
        rb.release_memory()
        gc.collect()
        tracemalloc.start()
        found = rb.bptt(model, x, None, half_square, **given)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.stats.peak_bytes == plan.peak_bytes
        told = plan.peak_bytes + plan.object_bytes
        assert abs(peak - told) <= max(0.01 * told, 2**16), f"tracemalloc {peak}, forecast {told}"


def one_hot_models() -> dict[str, Any]:
    """Models of the dtype float64 whose OneHots were not told so."""
    x, shared = rb.Input(()), rb.OneHot(SYMBOLS)
    wide: Any = {"dtype": "float64"}
    branches = (
        rb.GRU(SYMBOLS, 3, rng=0, **wide)(shared(x)),
        rb.RNN(SYMBOLS, 3, rng=1, **wide)(shared(x)),
    )
    return {
        "later layers": rb.Sequential(
            rb.OneHot(SYMBOLS), rb.GELU(), rb.Dense(SYMBOLS, 3, rng=1, **wide)
        ),
        "cell": rb.Sequential(rb.OneHot(SYMBOLS), rb.LSTM(SYMBOLS, 7, rng=0, **wide)),
        "shared": rb.Graph(x, branches[0] + branches[1]),
        "in a cell": rb.Sequential(one_hot_in_cell("float64"), rb.Dense(3, 2, rng=2, **wide)),
        "cast": rb.Sequential(rb.OneHot(SYMBOLS), rb.LSTM(SYMBOLS, 7, rng=0)).astype("float64"),
    }


@pytest.mark.long
@pytest.mark.parametrize("name", one_hot_models())
def test_one_hot_follows_the_models_dtype(name: str) -> None:
    model, x = one_hot_models()[name], symbols()
    wanted = rb.bptt(model, x, None, half_square, backend="interpreter")
    assert all(grad.dtype == np.float64 for grad in wanted.grads.values())
    for backend in COMPILED:
        assert_close(rb.bptt(model, x, None, half_square, backend=backend), wanted)
    assert rb.predict(model, x)[0].dtype == np.float64
    assert rb.check_grads(model, x[:4], None, half_square).worst < 1e-12


def test_one_hot_is_back_at_float32() -> None:
    model, x = one_hot_models()["cast"].astype("float32"), symbols()
    assert rb.predict(model, x)[0].dtype == np.float32
    assert rb.OneHot(3)(np.array([1])).dtype == np.float32
    assert rb.OneHot(3, "float64")(np.array([1])).dtype == np.float64


def test_without_parameters_one_hot_says_the_dtype() -> None:
    x, h = rb.Input(3), rb.State(3)
    model = rb.Sequential(
        rb.OneHot(3, "float64"), rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(h + x)}, h))
    )
    found = rb.predict(model, np.array([[0], [2], [1]]))[0]
    np.testing.assert_array_equal(found[2, 0], [np.tanh(np.tanh(1.0)), 0, np.tanh(1.0)])


FRONT: dict[str, Callable[[], Any]] = {
    "Embedding": lambda: embedding(6, "float64"),
    "OneHot": lambda: rb.OneHot(SYMBOLS),
    "Dense": lambda: rb.Sequential(
        rb.OneHot(SYMBOLS), rb.Dense(SYMBOLS, 4, rng=0, dtype="float64")
    ),
}
PAIRS = list(itertools.combinations(RULES, 2))
LEFT_OUT = [("hoisted",), RULES, tuple(r for r in RULES if r != "hoisted"), *PAIRS[::14]]


@pytest.mark.one_in(8)
@pytest.mark.parametrize("without", LEFT_OUT, ids="+".join)
@pytest.mark.parametrize("cell", [rb.LSTM, minimal_gated_unit])
@pytest.mark.parametrize("front", FRONT)
@pytest.mark.parametrize("backend", COMPILED)
def test_rules_left_out_behind_symbols(
    backend: str, front: str, cell: Any, without: tuple[str, ...]
) -> None:
    """A table of few symbols is read in the loop where nothing is hoisted out of it."""
    x, n = symbols(), {"Embedding": 6, "OneHot": SYMBOLS, "Dense": 4}[front]
    model = rb.Sequential(FRONT[front](), cell(n, 7, rng=1, dtype="float64"))
    wanted = rb.bptt(model, x, None, half_square, backend="interpreter")
    assert_close(
        rb.bptt(model, x, None, half_square, backend=rb.Backend(backend, without=without)), wanted
    )
