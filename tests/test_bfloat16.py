"""Products of bfloat16 in whole runs: against NumPy's, by instructions and emulated, bits and bytes."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.runners.llvm import source
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.rounded_runs import LOSS, emulated, random_models, reset_numbers
from tests.rounding import lstm

pytest.importorskip("llvmlite")


@pytest.mark.parametrize("native", [True, False])
@pytest.mark.parametrize(("n_in", "n", "batch"), [(3, 5, 1), (33, 21, 7)])
def test_an_lstm_agrees_with_numpys_of_rounded_operands(
    native: bool, n_in: int, n: int, batch: int
) -> None:
    model, x = rb.LSTM(n_in, n, rng=0), reals(9, batch, n_in, dtype="float32")
    target = reals(9, batch, n, dtype="float32", seed=1)
    reset_numbers(model)
    for array in (*model.params.values(), x, target):
        array.flags.writeable = False
    loss, grads = lstm(dict(model.params), x, target)
    with emulated(not native):
        backend = rb.Backend("llvm", precision="bfloat16")
        found = rb.bptt(model, x, target, LOSS, backend=backend, dx=True)
    exact = rb.bptt(model, x, target, LOSS, backend="llvm", dx=True)
    assert abs(found.loss - loss) < 1e-5 * loss
    for name, expected in grads.items():
        own, plain = ({**run.grads, "dx": run.dx}[name] for run in (found, exact))
        # Sums in another order now and then round an operand to its other neighbour.
        top = np.abs(expected).max()
        assert np.abs(own - expected).max() < 5e-4 * top, name
        assert np.abs(plain - expected).max() > 1e-3 * top, name


def _same_by_both(first: int, count: int) -> None:
    backend = rb.Backend("llvm", precision="bfloat16")
    for model, x, target, chunk in random_models(first, count):
        found = rb.bptt(model, x, target, LOSS, chunk=chunk, backend=backend, dx=None)
        with emulated():
            assert_same_bits(
                rb.bptt(model, x, target, LOSS, chunk=chunk, backend=backend, dx=None), found
            )


def test_instructions_and_emulation_have_the_same_bits() -> None:
    _same_by_both(0, 1)


@pytest.mark.long
@pytest.mark.parametrize(
    "first", [100, *(pytest.param(1000 * k, marks=pytest.mark.grid) for k in range(1, 20))]
)
def test_instructions_and_emulation_have_the_same_bits_of_random_cells(first: int) -> None:
    """200 in all; on processors without the instructions it compares the emulation with itself."""
    _same_by_both(first, 10)


@pytest.mark.parametrize("threads", [1, 2])
def test_bits_are_those_of_every_schedule_and_number_of_threads(
    threads: int, use_threads: UseThreads
) -> None:
    model = rb.Sequential(rb.GRU(5, 70, rng=0), rb.LSTM(70, 33, rng=1), rb.Dense(33, 3, rng=2))
    x, target = reals(23, 6, 5, dtype="float32"), reals(23, 6, 3, dtype="float32", seed=1)
    backend = rb.Backend("llvm", precision="bfloat16")
    use_threads(1)
    expected = rb.bptt(model, x, target, LOSS, chunk=4, backend=backend, dx=True)
    use_threads(threads)
    for checkpoint in ("all", "sqrt", rb.schedules.Revolve(6, 2)):
        found = rb.bptt(
            model, x, target, LOSS, chunk=4, backend=backend, dx=True, checkpoint=checkpoint
        )
        assert_same_bits(found, expected)


def test_weights_by_one_call_or_several_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    x, target = reals(9, 6, 33, dtype="float32"), reals(9, 6, 70, dtype="float32", seed=1)
    backend, found = rb.Backend("llvm", precision="bfloat16"), []
    for pairs in (source.KEPT, 2**12, 1):  # all columns, a few panels, one panel
        monkeypatch.setattr(source, "KEPT", pairs)
        model = rb.LSTM(33, 70, rng=0)
        found.append(rb.bptt(model, x, target, LOSS, backend=backend, dx=True))
    assert_same_bits(found[1], found[0])
    assert_same_bits(found[2], found[0])


@pytest.mark.parametrize("n_in", [4, 7])
def test_bytes_are_forecast_and_fewer(n_in: int) -> None:
    model = rb.Sequential(rb.LSTM(n_in, 65, rng=0), rb.Dense(65, 3, rng=1))
    x, target = reals(20, 3, n_in, dtype="float32"), reals(20, 3, 3, dtype="float32", seed=1)
    peaks = {}
    for precision in ("float32", "bfloat16"):
        backend = rb.Backend("llvm", precision=precision)
        found = rb.bptt(model, x, target, LOSS, backend=backend)
        given = {"steps": 20, "batch": 3, "x_shape": (n_in,), "loss": LOSS, "backend": backend}
        assert found.stats.peak_bytes == rb.forecast(model, **given).peak_bytes
        peaks[precision] = found.stats.peak_bytes
    weights = sum(p.nbytes for p in model.params.values() if p.ndim == 2)
    assert peaks["float32"] - peaks["bfloat16"] > 0.7 * weights
    # Without the weights packed upright and turned, which take half of them each.


def test_symbols_are_looked_up_as_rounded_products() -> None:
    model = rb.Sequential(rb.Embedding(9, 6, rng=0), rb.LSTM(6, 20, rng=1))
    rng = np.random.default_rng(0)
    x, target = rng.integers(0, 9, (7, 3)), reals(7, 3, 20, dtype="float32")
    vectors = model.params["0.weight"][x]
    backend = rb.Backend("llvm", precision="bfloat16")
    found = rb.bptt(model, x, target, LOSS, backend=backend)
    loss, grads = lstm({k[2:]: v for k, v in model.params.items() if k[0] == "1"}, vectors, target)
    assert abs(found.loss - loss) < 1e-5 * loss
    top = np.abs(grads["weight_hh"]).max()
    assert np.abs(found.grads["1.weight_hh"] - grads["weight_hh"]).max() < 5e-4 * top


def test_a_stepper_has_the_bits_of_predict() -> None:
    model = rb.Sequential(rb.LSTM(5, 70, rng=0), rb.Dense(70, 3, rng=1))
    x, backend = reals(6, 2, 5, dtype="float32"), rb.Backend("llvm", precision="bfloat16")
    stepper = rb.Stepper(model, 2, backend=backend)
    found = np.stack([stepper.step(one).copy() for one in x])
    given = model, x, np.zeros((6, 2, 3), np.float32), LOSS
    expected = rb.bptt(*given, backend=backend, training=False, return_y=True).y
    assert found.tobytes() == expected.tobytes()
    assert found.tobytes() != rb.bptt(*given, backend="llvm", return_y=True).y.tobytes()
