"""Tapes of 16 bits: who asks for them, what is said of them, and who cannot have them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

import rnnbp as rb
from rnnbp.planning.budget import shown
from tests.helpers import assert_same_bits, reals
from tests.plain_layers import AsPython
from tests.plans import COSTS
from tests.resumed_models import DATA, refusal, trainer

MSE = rb.losses.MeanSquaredError()
HALF = rb.Backend("llvm", tape_bits=16)


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    monkeypatch.setenv("RNNBP_TAPE_BITS", "16")
    return monkeypatch


@pytest.mark.alike
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tape_bits": 8}, "tape_bits must be None or 16, found 8; leave it out to keep"),
        ({"tape_bits": "16"}, "tape_bits must be None or 16, found '16'"),
        ({"tape_bits": True}, "tape_bits must be None or 16, found True"),
        ({"name": "numpy", "tape_bits": 16}, "needs machine code, found the backend 'numpy'; use"),
        ({"name": "interpreter", "tape_bits": 16}, "found the backend 'interpreter'; use 'llvm'"),
    ],
)
def test_what_it_does_not_take_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rb.Backend(**arguments)


@pytest.mark.alike
def test_repr_and_equality_name_it() -> None:
    assert repr(HALF) == "Backend(name='llvm', without=(), tape_bits=16)"
    assert repr(rb.Backend("llvm")) == "Backend(name='llvm', without=())"
    assert rb.Backend("llvm") != HALF
    assert HALF.tape_bits == 16


def own() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(4, "h")
    new = AsPython(rb.Tanh())(rb.Dense((3, 4), 4, rng=0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new, name="own"))


@pytest.mark.filterwarnings("ignore:own:RuntimeWarning")
def test_a_cell_that_kernels_do_not_run_is_refused() -> None:
    x, target = reals(4, 2, 3, dtype="float32"), reals(4, 2, 4, dtype="float32")
    with pytest.raises(
        ValueError, match="own: tape_bits=16 rounds the tapes of cells that run as m"
    ):
        rb.bptt(own(), x, target, MSE, backend=HALF)


def test_the_environment_asks_for_them(named: pytest.MonkeyPatch) -> None:
    model, x, target = rb.LSTM(3, 20, rng=0), reals(9, 2, 3), reals(9, 2, 20)
    given = model, x.astype("float32"), target.astype("float32"), MSE
    found = rb.bptt(*given)
    assert_same_bits(found, rb.bptt(*given, backend=HALF))
    assert not np.array_equal(found.dx, rb.bptt(*given, backend="llvm").dx)
    named.setenv("RNNBP_TAPE_BITS", "32")
    with pytest.raises(ValueError, match="RNNBP_TAPE_BITS must be 16 or empty, found '32'; unset"):
        rb.Backend()


def test_a_run_resumed_with_others_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    monkeypatch.setenv("RNNBP_TAPE_BITS", "16")
    begun = trainer(tmp_path / "half")
    begun.fit(DATA, steps=1)
    trainer(tmp_path / "half").resume()
    monkeypatch.delenv("RNNBP_TAPE_BITS")
    with pytest.raises(ValueError, match="tape_bits was 16, is None"):
        trainer(tmp_path / "half").resume()
    found = refusal(
        tmp_path / "exact",
        trainer,
        lambda folder: (monkeypatch.setenv("RNNBP_TAPE_BITS", "16"), trainer(folder))[1],
    )
    assert "tape_bits was None, is 16" in found


def test_a_plan_shows_the_bytes_of_exact_tapes_too() -> None:
    given = {"steps": 200, "batch": 8, "budget": "20 MB", "costs": COSTS}
    model = rb.LSTM(16, 64, rng=0)
    plans = [rb.plan(model, MSE, **given, backend=each) for each in ("llvm", HALF)]
    assert "  tapes    " not in str(plans[0])
    half, exact = (plan.sizes.tape(plans[1].chunk) for plan in (plans[1], plans[0]))
    assert half < 0.55 * exact
    line = f"  tapes    {shown(half)} each, {shown(exact)} without tape_bits=16"
    assert line in str(plans[1]).splitlines()


@pytest.mark.parametrize("cell", [rb.LSTM, rb.GRU, rb.SLSTM])
def test_explain_shows_the_bytes_of_a_step(cell: Any) -> None:
    model = cell(8, 32, rng=0)
    found = rb.explain(model, batch=4)
    half, exact = (
        [rb.forecast(model, MSE, steps=n, batch=4, chunk=n, backend=backend) for n in (16, 17)]
        for backend in (HALF, "llvm")
    )
    tapes = [[each.peak_bytes_by_kind["tape"] for each in pair] for pair in (half, exact)]
    assert found.short_bytes_per_step == tapes[0][1] - tapes[0][0]
    assert found.bytes_per_step == tapes[1][1] - tapes[1][0]
    assert f"bytes kept, {found.short_bytes_per_step:,} bytes with tape_bits=16" in str(found)


def test_a_comparison_has_the_plan_with_them_where_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    model, x, target = rb.LSTM(3, 32, rng=0), reals(64, 4, 3), reals(64, 4, 32)
    how: dict[str, Any] = {"shares": [60], "repeats": 1, "chunk": 8}
    given = model, x.astype("float32"), target.astype("float32"), MSE
    found = rb.compare.sweep(*given, schedules=["plan", "plan-16"], **how)
    exact, half = found.rows
    assert (exact.choice.name, half.choice.name) == ("plan", "plan-16")
    assert half.choice.backend == rb.Backend(tape_bits=16)
    assert half.measured.stats.steps_rerun < exact.measured.stats.steps_rerun
    assert (exact.measured.same_bits, half.measured.same_bits) == (True, False)
    assert 0 < half.measured.relative_error < 1e-4
    assert "plan-16" not in rb.compare.SCHEDULES
