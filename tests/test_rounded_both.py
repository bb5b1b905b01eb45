"""Products of bfloat16 and tapes of 16 bits together: bits, bytes, and what each of them rounds."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

import rnnbp as rb
from rnnbp.planning.budget import with_margin
from tests.every_schedule import every_schedule
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.plans import COSTS
from tests.rounded_runs import LOSS, emulated
from tests.rounding import lstm
from tests.traced_runs import assert_told

BOTH = rb.Backend("llvm", precision="bfloat16", tape_bits=16)
NAMES = "bfloat16 products, 16-bit tapes"
BFLOAT = rb.Backend("llvm", precision="bfloat16")
T, B, N_IN, N = 14, 3, 5, 36
CELLS: dict[str, Any] = {
    "lstm": lambda: rb.LSTM(N_IN, N, rng=0),
    "gru": lambda: rb.GRU(N_IN, N, rng=0),
    "rnn": lambda: rb.RNN(N_IN, N, rng=0),
    "mingru": lambda: rb.MinGRU(N_IN, N, rng=0),
    "slstm": lambda: rb.SLSTM(N_IN, N, rng=0),
    "lstm with dropout": lambda: rb.LSTM(N_IN, N, rng=0, dropout=0.2, recurrent_dropout=0.2),
}
SIDES = rb.Bidirectional(rb.LSTM(N_IN, N, rng=0), rb.LSTM(N_IN, N, rng=1))
NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a stack": ([rb.LSTM(N_IN, N, rng=0), rb.Dropout(0.2), rb.GRU(N, N, rng=1)], {}),
    "lengths": ([rb.LSTM(N_IN, N, rng=0)], {"lengths": [14, 9, 1]}),
    "both directions": ([SIDES, rb.LSTM(2 * N, N, rng=2)], {}),
}


def long(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.long)


def run(model: Any, chunk: int = 4, backend: Any = BOTH, n: int = N, **how: Any) -> rb.Gradients:
    x, target = reals(T, B, N_IN, dtype="float32"), reals(T, B, n, dtype="float32", seed=1)
    for array in (x, target, *model.params.values()):
        array.setflags(write=False)
    return rb.bptt(model, x, target, LOSS, chunk=chunk, backend=backend, **how)


def test_reprs_name_both() -> None:
    expected = "Backend(name='llvm', without=(), precision='bfloat16', tape_bits=16)"
    assert repr(BOTH) == expected
    found = run(rb.RNN(N_IN, N, rng=0))
    assert f"  rounding  {NAMES}" in repr(found)
    assert f"rounding  {NAMES}" in repr(found.stats)
    assert "rounding" not in repr(run(rb.RNN(N_IN, N, rng=0), backend="llvm"))
    assert BOTH not in (BFLOAT, rb.Backend("llvm", tape_bits=16))


@pytest.mark.parametrize("cell", ["lstm", *map(long, [*CELLS][1:])])
def test_bits_are_those_of_every_schedule(cell: str) -> None:
    model = CELLS[cell]()
    cached = run(model)
    for schedule in every_schedule(-(-T // 4)).values():
        assert_same_bits(run(model, checkpoint=schedule), cached)


@pytest.mark.parametrize("network", [*map(long, ["a stack", "lengths"]), "both directions"])
def test_bits_and_bytes_of_networks(network: str) -> None:
    layers, how = NETWORKS[network]
    model = rb.Sequential(*layers, rb.Dense(N, 2, rng=9))
    cached = run(model, n=2, **how)
    given = {"steps": T, "batch": B, "chunk": 4, "backend": BOTH} | how
    for schedule in ("sqrt", rb.schedules.Revolve(4, 2)):
        found = run(model, n=2, checkpoint=schedule, **how)
        assert_same_bits(found, cached)
        expected = rb.forecast(model, LOSS, checkpoint=schedule, **given)
        assert found.stats.peak_bytes == expected.peak_bytes
        assert found.stats.rounding == expected.rounding == NAMES


@pytest.mark.long
@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_bits_do_not_depend_on_threads(
    cell: str, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    model, found = CELLS[cell](), []
    for n in (1, 2, 3):
        use_threads(n)
        found.append(run(model))
    assert_same_bits(found[0], found[1])
    assert_same_bits(found[0], found[2])


@pytest.mark.long
@pytest.mark.parametrize("cell", ["lstm", "gru", "mingru"])
def test_instructions_and_emulation_have_the_same_bits(cell: str) -> None:
    """On processors without the instructions it compares the emulation with itself."""
    found = run(CELLS[cell]())
    with emulated():
        assert_same_bits(run(CELLS[cell]()), found)


@pytest.mark.parametrize("native", [True, long(False)])
def test_an_lstm_agrees_with_numpys_that_rounds_both(native: bool) -> None:
    model = rb.LSTM(N_IN, N, rng=0)
    x, target = reals(T, B, N_IN, dtype="float32"), reals(T, B, N, dtype="float32", seed=1)
    loss, grads = lstm(dict(model.params), x, target, short=True)

    def apart(backend: Any) -> float:
        found = run(model, chunk=T, dx=True, backend=backend)
        named = {**found.grads, "dx": found.dx}
        errors = [abs(found.loss - loss) / loss]
        errors += [np.abs(named[k] - g).max() / np.abs(g).max() for k, g in grads.items()]
        return float(max(errors))

    with emulated(not native):
        assert apart(BOTH) < 2e-5
        assert min(map(apart, (BFLOAT, rb.Backend("llvm", tape_bits=16), "llvm"))) > 2e-4


@pytest.mark.parametrize("cell", ["lstm", *map(long, ["gru", "rnn"])])
def test_states_are_those_of_products_alone(cell: str) -> None:
    model = CELLS[cell]()
    found, products = run(model), run(model, backend=BFLOAT)
    assert found.loss == pytest.approx(products.loss, rel=1e-6)
    for one, other in zip(found.state[0], products.state[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.long
@pytest.mark.parametrize(
    ("cell", "schedule"),
    [
        (rb.LSTM, rb.schedules.ThinTapes(10, 4)),
        (rb.LSTM, "all"),
        (rb.GRU, rb.schedules.Revolve(10, 3)),
    ],
    ids=["lstm, thin", "lstm, all", "gru, revolve"],
)
def test_bytes_are_those_of_the_forecast_and_of_tracemalloc(cell: Any, schedule: Any) -> None:
    x, target = (reals(80, 16, n, dtype="float32") for n in (32, 96))
    how: dict[str, Any] = {"checkpoint": schedule, "chunk": 8, "backend": BOTH}
    assert_told(cell(32, 96, rng=0), x, target, LOSS, **how)


def test_tapes_are_those_of_16_bits_and_weights_those_of_bfloat16() -> None:
    given: dict[str, Any] = {"steps": 200, "batch": 8}
    model, tapes, peaks = rb.LSTM(64, 128, rng=0), {}, {}
    for name, backend in {"both": BOTH, "products": BFLOAT, "exact": "llvm"}.items():
        found = rb.forecast(model, LOSS, **given, backend=backend)
        tapes[name], peaks[name] = found.peak_bytes_by_kind["tape"], found.peak_bytes
    assert tapes["both"] < 0.55 * tapes["exact"] == 0.55 * tapes["products"]
    assert peaks["both"] < peaks["products"] < peaks["exact"]


@pytest.mark.parametrize("layers", [[rb.LSTM(N_IN, N, rng=0)], [SIDES]])
def test_plans_name_both(layers: list[Any]) -> None:
    given = {"steps": 40, "batch": B, "budget": "2 MB", "costs": COSTS}
    model = rb.Sequential(*layers)
    found = rb.plan(model, LOSS, backend=BOTH, **given)
    assert f"rounding   {NAMES}" in str(found).splitlines()
    assert f"  rounding  {NAMES}" in repr(found).splitlines()
    exact = rb.plan(model, LOSS, backend="llvm", **given)
    assert "rounding" not in str(exact) + repr(exact)


@pytest.mark.parametrize(("layer", "n"), [(rb.LSTM(N_IN, N, rng=0), N), (SIDES, 2 * N)])
def test_a_plan_that_another_backend_breaks_names_both_backends(layer: Any, n: int) -> None:
    given = {"steps": T, "batch": B, "costs": COSTS, "backend": BOTH}
    model = rb.Sequential(layer)
    least = with_margin(rb.plan(model, LOSS, budget="9 MB", **given).chosen.bytes)
    found = rb.plan(model, LOSS, budget=least, **given)
    message = rf"was planned for {re.escape(repr(BOTH))}, and this run is by Backend\(name='numpy'"
    with pytest.raises(rb.BudgetError, match=message):
        run(model, chunk=None, n=n, checkpoint=found, backend="numpy")


@pytest.mark.parametrize("layer", [rb.GRU(3, 4, rng=0), rb.RNN(3, 4, rng=0, reverse=True)])
def test_gradients_are_checked_without_rounding(
    layer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_PRECISION", "bfloat16")
    monkeypatch.setenv("RNNBP_TAPE_BITS", "16")
    model = rb.Sequential(layer, rb.Tanh())
    assert rb.check_grads(model, reals(3, 2, 3), chunk=2).worst < 1e-12
