"""Infinite weights next to symbols.

What is looked up in a table is what the whole product is, 0 times infinity too.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
import pytest

import rnnbp as rb

BACKENDS = ["interpreter", "numpy", *(["llvm"] if find_spec("llvmlite") else [])]
SYMBOLS, UNITS, MSE = 5, 6, rb.losses.MeanSquaredError()
X = np.array([[0, 1], [2, 1], [0, 2], [1, 1], [2, 0]])
"""Symbols of which the last two never come."""
CELLS: dict[str, Callable[[int], rb.Recurrent]] = {
    "RNN": lambda n: rb.RNN(n, UNITS, rng=1),
    "LSTM": lambda n: rb.LSTM(n, UNITS, rng=1),
    "GRU": lambda n: rb.GRU(n, UNITS, rng=1),
}


def loss(y: np.ndarray, target: object) -> tuple[float, np.ndarray]:
    return float(y.sum(dtype=np.float64)), np.ones_like(y)


def kinds(a: np.ndarray) -> np.ndarray:
    """0 for a finite number, 1 for infinity, 2 for NaN."""
    return np.where(np.isnan(a), 2, np.isinf(a).astype(int))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_vector_that_no_symbol_looks_up(cell: str, backend: str) -> None:
    model = rb.Sequential(rb.Embedding(SYMBOLS, 3, rng=0), CELLS[cell](3))
    wanted = rb.bptt(model, X, None, loss, backend=backend)
    model.params["0.weight"][3] = np.inf
    found = rb.bptt(model, X, None, loss, backend=backend)
    assert found.loss == wanted.loss
    for path, g in wanted.grads.items():
        np.testing.assert_array_equal(found.grads[path], g, err_msg=path)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("symbol", [1, 4])
@pytest.mark.parametrize("cell", CELLS)
def test_a_weight_of_one_hot_vectors(cell: str, symbol: int, backend: str) -> None:
    """Zero times infinity is NaN, whether the symbol of the infinite weight comes or not."""
    front, behind = rb.OneHot(SYMBOLS), CELLS[cell](SYMBOLS)
    behind.params["weight_ih"][2, symbol] = np.inf
    found = rb.bptt(rb.Sequential(front, behind), X, None, loss, backend=backend)
    wanted = rb.bptt(behind, front(X), None, loss, backend="interpreter")
    assert np.isnan(found.loss)
    assert kinds(found.state[0][0]).tolist() == kinds(wanted.state[0][0]).tolist()
    for path, g in wanted.grads.items():
        np.testing.assert_array_equal(kinds(found.grads[f"1.{path}"]), kinds(g), err_msg=path)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("path", "place"), [("0.weight", (1, 0)), ("1.weight_ih", (2, 1))])
@pytest.mark.parametrize("cell", CELLS)
def test_a_number_that_is_looked_up(
    cell: str, path: str, place: tuple[int, int], backend: str
) -> None:
    model = rb.Sequential(rb.Embedding(SYMBOLS, 3, rng=0), CELLS[cell](3))
    model.params[path][place] = -np.inf
    target = np.zeros((*X.shape, UNITS), np.float32)
    found, wanted = (rb.bptt(model, X, target, MSE, backend=b) for b in (backend, "interpreter"))
    for name, g in wanted.grads.items():
        np.testing.assert_array_equal(kinds(found.grads[name]), kinds(g), err_msg=name)
