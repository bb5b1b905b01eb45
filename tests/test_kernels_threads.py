"""Machine code in several threads: the same bits, forks, the number of threads."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


import rnnbp as rb
from rnnbp.machine.tasks import together
from rnnbp.machine.team import threads
from tests import models
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.kernel_runs import COMPILED, gradients
from tests.programs import half_square


@pytest.mark.quick
@pytest.mark.parametrize("cell", [rb.RNN, rb.LSTM, rb.GRU])
def test_bits_do_not_depend_on_threads(
    cell: Any, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    model, found = cell(3, 20, rng=0), []
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    for n in ("1", "2", "3", "11"):
        use_threads(n)
        found.append(gradients(model))
    for other in found[1:]:
        assert_same_bits(found[0], other)


@pytest.mark.parametrize("symbols", [False, True])
def test_gradients_of_a_layer_that_is_used_twice_are_added_one_after_the_other(
    symbols: bool, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """Two threads that add to the same numbers lose some of them."""
    recurrent, rng = models.one_layer_twice(96, 96, "float32"), np.random.default_rng(0)
    model = rb.Sequential(rb.Embedding(150, 96, rng=0), recurrent) if symbols else recurrent
    x = rng.integers(0, 150, (200, 32)) if symbols else reals(200, 32, 96).astype("float32")
    dy = reals(200, 32, 96).astype("float32")
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.affine.WAKING", 1)
    use_threads(1)
    expected = rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), backend="llvm")
    use_threads(2)
    for _ in range(10):
        assert_same_bits(rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), backend="llvm"), expected)


@pytest.mark.parametrize("runs_before", [0, 1], ids=[False, True])
def test_gradients_of_tied_parameters_are_added_one_after_the_other(
    runs_before: int, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """Of two layers of a cell; they may be tied after a run, too."""
    rng, (x, h) = np.random.default_rng(0), (rb.Input(128), rb.State(128))
    a, b = (rb.Dense(128, 128, bias=False, dtype="float64", rng=seed) for seed in (0, 1))
    h_new = rb.Tanh()(a(x) + b(h))
    model, (inputs, dy) = (
        rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new)),
        rng.normal(size=(2, 64, 32, 128)),
    )
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    use_threads(2)
    for _ in range(runs_before):
        rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="llvm")
    b.params["weight"] = a.params["weight"]
    expected = rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="interpreter").grads[
        "0.weight"
    ]
    for _ in range(20):
        found = rb.bptt(model, inputs, dy, lambda y, dy: (0.0, dy), backend="llvm").grads[
            "0.weight"
        ]
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_what_one_thread_must_do() -> None:
    """Tasks that add to the same numbers, also through others."""
    outputs = [
        [(0, 0, 96)],
        [(0, 96, 192)],
        [(1, 0, 96)],
        [(0, 190, 200), (2, 0, 1)],
        [(0, 10, 20)],
        [(2, 0, 5)],
    ]
    assert together(outputs) == [[0, 4], [1, 3, 5], [2]]
    assert together([[(0, 0, 9)], [(0, 1, 2)], [(0, 3, 4)], [(0, 9, 10)], []]) == [
        [0, 1, 2],
        [3],
        [4],
    ]


@pytest.mark.long
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", COMPILED)
def test_bits_do_not_depend_on_threads_that_share_units(
    cell: str, batch: int, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """Of several panels of weights; chunks alone, in a stretch, and with their tapes."""
    model, x, found = (
        models.CELLS[cell](3, 100, "float32"),
        reals(60, batch, 3).astype("float32"),
        [],
    )
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.READING", 1)
    for n in ("1", "2", "3"):
        use_threads(n)
        found.append(rb.bptt(model, x, x, half_square, backend="llvm", chunk=8, checkpoint="sqrt"))
    for other in found[1:]:
        assert_same_bits(found[0], other)


@pytest.mark.parametrize(
    ("units", "batch", "shared_"),
    [(64, 1, False), (128, 8, False), (256, 1, True), (512, 8, True), (512, 64, False)],
)
def test_units_are_shared_where_rows_are_few(
    units: int, batch: int, shared_: bool, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    found, do = set(), threads.do
    monkeypatch.setattr(
        threads, "do", lambda *args, **how: (found.add(how.get("units")), do(*args, **how))
    )
    x, dy = (reals(40, batch, n).astype("float32") for n in (3, units))
    rb.bptt(rb.LSTM(3, units, rng=0), x, dy, lambda y, dy: ((y * dy).sum(), dy), backend="llvm")
    assert found - {None} == {shared_}


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", [rb.MinGRU, rb.MinLSTM, rb.LRU, rb.IndRNN])
def test_units_are_shared_where_no_step_waits_for_another_thread(
    cell: Any, batch: int, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    """Loops without products, of few rows: with the bits of one thread."""
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    found, shared, do = [], set(), threads.do
    monkeypatch.setattr(
        threads, "do", lambda *args, **how: (shared.add(how.get("units")), do(*args, **how))
    )
    model, x = cell(6, 37, rng=0), reals(40, batch, 6).astype("float32")
    dy = reals(40, *rb.predict(model, x)[0].shape[1:]).astype("float32")
    for n in (1, 2, 3, 7):
        use_threads(n)
        run = rb.bptt(model, x, dy, half_square, backend="llvm", chunk=16, checkpoint="sqrt")
        found.append(run)
    assert shared - {None} == {True, batch == 1}
    for other in found[1:]:
        assert_same_bits(found[0], other)


def status_of_a_fork(run: Callable[[], bool]) -> int:
    """The status of a child that is this process: 0 if ``run`` returns True in 20 seconds."""
    child = os.fork()
    if child == 0:
        signal.alarm(20)  # waiting for threads that are not there has no end
        os._exit(0 if run() else 1)
    return os.waitpid(child, 0)[1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_fork_has_threads_of_its_own(
    monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    use_threads(2)
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    model = rb.LSTM(3, 20, rng=0)
    expected = gradients(model)
    assert (
        status_of_a_fork(
            lambda: np.array_equal(gradients(model).grads["weight_ih"], expected.grads["weight_ih"])
        )
        == 0
    )


@pytest.mark.parametrize("given", ["0", "-1", "two", "1.5"])
def test_a_number_of_threads_that_is_none(given: str, use_threads: UseThreads) -> None:
    use_threads(given)
    with pytest.raises(
        ValueError,
        match=f"RNNBP_NUM_THREADS is a number of threads from 1 to 1024, found '{given}'",
    ):
        gradients(rb.RNN(3, 20, rng=0))


@pytest.mark.quick
@pytest.mark.parametrize(
    "checkpoint",
    ["sqrt", rb.schedules.EveryK(9, 3), rb.schedules.Revolve(9, 2), rb.schedules.Optimal(9, 5, 3)],
)
@pytest.mark.parametrize("cell", [rb.RNN, rb.LSTM, rb.GRU])
def test_bits_do_not_depend_on_the_schedule(cell: Any, checkpoint: Any) -> None:
    model = cell(3, 20, rng=0)
    assert_same_bits(gradients(model, chunk=10), gradients(model, chunk=10, checkpoint=checkpoint))
