"""Tapes of 16 bits: the same bits under every schedule, exact states, half of the bytes."""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

import rnnbp as rb
from rnnbp.graph.layout import Layout
from rnnbp.rng import Context
from rnnbp.runners.llvm.factory import KernelFactory
from rnnbp.runners.workspace import Workspace
from tests import models
from tests.bptt_runs import CE, symbols
from tests.every_schedule import every_schedule
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.short_tapes import lstm_gradients
from tests.traced_runs import assert_told

MSE = rb.losses.MeanSquaredError()
HALF = rb.Backend("llvm", tape_bits=16)
T, B, N_IN, N = 14, 3, 5, 20
CELLS: dict[str, Any] = {
    "lstm": lambda: rb.LSTM(N_IN, N, rng=0),
    "gru": lambda: rb.GRU(N_IN, N, rng=0),
    "rnn": lambda: rb.RNN(N_IN, N, rng=0),
    "minimal gated unit": lambda: models.minimal_gated_unit(N_IN, N, "float32"),
    "a person's own": lambda: models.network_in_cell(N_IN, N, "float32"),
    "slstm": lambda: rb.SLSTM(N_IN, N, rng=0),
    "lstm with dropout": lambda: rb.LSTM(N_IN, N, rng=0, dropout=0.2, recurrent_dropout=0.2),
    "layer norm, zoneout": lambda: rb.GRU(N_IN, N, rng=0, layer_norm=True, zoneout=0.1),
}
SIDES = rb.Bidirectional(rb.LSTM(N_IN, N, rng=0), rb.LSTM(N_IN, N, rng=1))
NETWORKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "a stack": (
        [rb.LSTM(N_IN, N, rng=0), rb.Dropout(0.2), rb.LSTM(N, N, rng=1), rb.Dense(N, 2, rng=2)],
        {},
    ),
    "lengths": ([rb.LSTM(N_IN, N, rng=0), rb.Dense(N, 2, rng=2)], {"lengths": [14, 9, 1]}),
    "both directions": ([SIDES, rb.LSTM(2 * N, N, rng=2), rb.Dense(N, 2, rng=3)], {}),
}


def run(model: Any, chunk: int = 4, backend: Any = HALF, n: int = N, **how: Any) -> rb.Gradients:
    x, target = reals(T, B, N_IN, dtype="float32"), reals(T, B, n, dtype="float32", seed=1)
    for array in (x, target, *model.params.values()):
        array.setflags(write=False)
    return rb.bptt(model, x, target, MSE, chunk=chunk, backend=backend, **how)


def largest_error(found: rb.Gradients, exact: rb.Gradients) -> float:
    errors = [
        np.abs(found.grads[k] - grad).max() / np.abs(grad).max() for k, grad in exact.grads.items()
    ]
    return float(max(errors))


def long(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.long)


SHORT = [("lstm", 4), ("gru", 5)]
OTHERS = [(cell, chunk) for cell in CELLS for chunk in (1, 4, 5) if (cell, chunk) not in SHORT]


@pytest.mark.parametrize(("cell", "chunk"), [*SHORT, *(long(*other) for other in OTHERS)])
def test_bits_are_the_same_under_every_schedule(cell: str, chunk: int) -> None:
    model = CELLS[cell]()
    cached = run(model, chunk)
    for schedule in every_schedule(-(-T // chunk)).values():
        assert_same_bits(run(model, chunk, checkpoint=schedule), cached)


@pytest.mark.parametrize("network", ["a stack", long("lengths"), long("both directions")])
def test_bits_of_networks_are_the_same_under_every_schedule(network: str) -> None:
    layers, how = NETWORKS[network]
    model = rb.Sequential(*layers)
    cached = run(model, n=2, **how)
    for schedule in ("sqrt", rb.schedules.Revolve(4, 2), rb.schedules.EveryK(4, 3)):
        assert_same_bits(run(model, n=2, checkpoint=schedule, **how), cached)
    assert largest_error(cached, run(model, n=2, backend="llvm", **how)) < 1e-4


@pytest.mark.long
def test_bits_of_symbols_are_the_same_under_every_schedule() -> None:
    model, x = models.stack(), symbols(23, 4)
    given = partial(rb.bptt, model, x, x[::-1], CE, chunk=3, seed=5, backend=HALF)
    for schedule in every_schedule(8).values():
        assert_same_bits(given(checkpoint=schedule), given())


@pytest.mark.parametrize("cell", ["lstm", long("gru")])
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


@pytest.mark.parametrize(("dtype", "chunk", "rtol"), [("float64", 4, 1e-14), ("float32", 14, 5e-6)])
def test_gradients_are_those_of_rounded_gates(dtype: str, chunk: int, rtol: float) -> None:
    """In float32 a gate in the middle of two numbers may be rounded to the other one."""
    model = rb.LSTM(N_IN, N, rng=0, dtype=dtype)
    x, dy = reals(T, B, N_IN, dtype=dtype), reals(T, B, N, dtype=dtype, seed=1)
    found = rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), chunk=chunk, backend=HALF)
    given = model.params, x.astype(float), dy.astype(float), chunk
    rounded, exact = (lstm_gradients(*given, rounds=rounds) for rounds in (True, False))
    for name, grad in found.grads.items():
        np.testing.assert_allclose(grad, rounded[name], rtol=0, atol=rtol * np.abs(grad).max())
        assert np.abs(grad - exact[name]).max() > 1e-5 * np.abs(grad).max()


@pytest.mark.parametrize(
    "cell", ["lstm", "gru", "rnn", long("minimal gated unit"), long("lstm with dropout")]
)
def test_gradients_are_near_those_of_float32(cell: str) -> None:
    model = CELLS[cell]()
    found, exact = run(model), run(model, backend="llvm")
    assert largest_error(found, exact) < 1e-4
    assert found.loss == pytest.approx(exact.loss, rel=1e-6)
    for one, other in zip(found.state[0], exact.state[0], strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("chunk", [1, 4, T])
def test_a_state_that_backward_reads_after_a_step_is_exact(chunk: int) -> None:
    """b′ = tanh(a), whose derivative is of b′: a tape has it, though it could be made again."""
    x, a, b = rb.Input(N_IN), rb.State(N, "a"), rb.State(N, "b")
    mixed = rb.Tanh()(rb.Dense((N_IN, N), N, rng=0)(x, b))
    later = rb.Tanh()(a)
    model = rb.Recurrent(rb.Cell(x, {a: mixed, b: later}, output=later))
    assert_same_bits(run(model, chunk), run(model, chunk, backend="llvm"))


@pytest.mark.parametrize("chunk", [1, 4, T])
def test_two_states_of_one_value_stay_on_the_tape(chunk: int) -> None:
    """a′ = c′ = ½ b′: they could be made again from b′, which is on the tape."""
    x, a, b, c = rb.Input(N_IN), *(rb.State(N, name) for name in "abc")
    gate = rb.Tanh()(rb.Dense((N_IN, N, N), N, rng=0)(x, a, c))
    one, same = rb.Scale(0.5)(gate), rb.Tanh()(gate)
    cell = rb.Cell(x, {a: one, b: gate, c: one}, output=rb.Dense(N, N, rng=1)(same))
    found, exact = (run(rb.Recurrent(cell), chunk, backend) for backend in (HALF, "llvm"))
    assert largest_error(found, exact) < 1e-4


@pytest.mark.parametrize("thin", [False, True])
def test_a_tape_has_the_exact_states_at_its_ends(thin: bool) -> None:
    cell = rb.LSTM(N_IN, N, rng=0).cell
    factory = KernelFactory(Workspace(), short=True)
    program: Any = factory.runner(Layout(cell, ((N_IN,),), B, np.dtype("float32")), None)
    program.prepare(T)
    factory.pack()
    x, context = reals(T, B, N_IN, dtype="float32"), Context(0, 0, T, 0, True, np.dtype("float32"))
    state = reals(B, N, dtype="float32"), reals(B, N, dtype="float32", seed=2)
    _, after = program.advance([x], state, context, output=False)
    _, known = program.keep([x], state, context, output=False)
    make = partial(program.rebuild, [x], known) if thin else partial(program.record, [x], state)
    y, tape = make(context)
    for found, expected in ((tape.entering, state), (tape.leaving, after)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 * thin)
    np.testing.assert_array_equal(y[-1], tape.leaving[0])
    assert np.abs(program.output(tape) - y).max() < 2.0**-16


REVOLVE, THIN = rb.schedules.Revolve(10, 3), rb.schedules.ThinTapes(10, 4)


@pytest.mark.parametrize(
    ("cell", "schedule"),
    [
        (rb.LSTM, THIN),
        *(long(*each) for each in [(rb.LSTM, REVOLVE), (rb.LSTM, "all"), (rb.GRU, THIN)]),
    ],
    ids=["lstm, thin", "lstm, revolve", "lstm, all", "gru, thin"],
)
def test_bytes_are_those_of_the_forecast_and_of_tracemalloc(cell: Any, schedule: Any) -> None:
    x, target = (reals(80, 16, n, dtype="float32") for n in (32, 96))
    how: dict[str, Any] = {"checkpoint": schedule, "chunk": 8, "backend": HALF}
    assert_told(cell(32, 96, rng=0), x, target, MSE, **how)


def test_full_caching_takes_half_of_the_bytes() -> None:
    given = rb.LSTM(64, 256, rng=0), MSE
    exact, half = (
        rb.forecast(*given, steps=1000, batch=32, backend=backend) for backend in ("llvm", HALF)
    )
    assert half.peak_bytes <= 0.55 * exact.peak_bytes
    assert half.peak_bytes_by_kind["tape"] <= 0.51 * exact.peak_bytes_by_kind["tape"]


@pytest.mark.parametrize("gate", range(4), ids=["input", "forget", "cell", "output"])
def test_nan_in_a_gate_is_not_lost(gate: int) -> None:
    model = rb.LSTM(N_IN, N, rng=0)
    model.params["bias_ih"][gate * N + 7] = np.nan
    found = run(model)
    assert np.isnan(found.loss)
    assert all(np.isnan(grad).any() for grad in found.grads.values())
