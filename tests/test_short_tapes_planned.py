"""16-bit tapes in plans of networks, in comparisons and in commands: chosen where they are named, with their bytes."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

pytest.importorskip("llvmlite")

import rnnbp as rb
from rnnbp.cli.main import main
from rnnbp.compare.page import page
from rnnbp.planning.budget import shown
from tests.helpers import reals
from tests.plans import COSTS

MSE = rb.losses.MeanSquaredError()
HALF = rb.Backend("llvm", tape_bits=16)
BOTH = rb.Backend("llvm", precision="bfloat16", tape_bits=16)
T, B = 64, 4
LENGTHS = [64, 33, 17, 2]


@pytest.fixture(autouse=True)
def _unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RNNBP_BACKEND", "RNNBP_PRECISION", "RNNBP_TAPE_BITS"):
        monkeypatch.delenv(name, raising=False)


def tagger() -> rb.Sequential:
    sides = rb.Bidirectional(rb.LSTM(3, 16, rng=0), rb.LSTM(3, 16, rng=1))
    return rb.Sequential(sides, rb.GRU(32, 16, rng=2), rb.Dense(16, 2, rng=3))


def plan(**how: Any) -> Any:
    given = {"steps": T, "batch": B, "budget": "3 MB", "costs": COSTS}
    return rb.plan(tagger(), MSE, **(given | how))


@pytest.mark.parametrize("backend", [pytest.param(HALF, marks=pytest.mark.long), BOTH])
@pytest.mark.parametrize(
    "how", [pytest.param({}, marks=pytest.mark.long), {"lengths": LENGTHS}], ids=["whole", "ragged"]
)
def test_each_sweep_of_a_plan_shows_both(how: dict[str, Any], backend: rb.Backend) -> None:
    exact = rb.Backend("llvm", precision=backend.precision)
    found, whole = (plan(**how, chunk=16, backend=each) for each in (backend, exact))
    assert "tape_bits" not in str(whole)
    assert all(sweep.short_tapes is None for sweep in whole.sweeps)
    lines, chunks = str(found).splitlines(), T // 16
    for sweep, other in zip(found.sweeps, whole.sweeps, strict=True):
        assert sweep.short_tapes.each < 0.8 * sweep.short_tapes.exact
        each, without = shown(sweep.short_tapes.each), shown(sweep.short_tapes.exact)
        assert f"       tapes {each} each, {without} without tape_bits=16" in lines
        assert other.bytes["tape"] <= chunks * sweep.short_tapes.exact


def test_the_bytes_of_a_sweep_are_those_of_its_plans() -> None:
    """Where all is cached in chunks that are full."""
    found, whole = (plan(chunk=16, backend=each) for each in (HALF, "llvm"))
    assert [sweep.name for sweep in (*found.sweeps, *whole.sweeps)] == ["all cached"] * 4
    for sweep, other in zip(found.sweeps, whole.sweeps, strict=True):
        tapes = sweep.short_tapes
        assert (sweep.bytes["tape"], other.bytes["tape"]) == (4 * tapes.each, 4 * tapes.exact)


@pytest.mark.long
def test_a_plan_is_what_its_run_counts() -> None:
    found = plan(budget="500 kB", backend=BOTH)
    x, target = reals(T, B, 3, dtype="float32"), reals(T, B, 2, dtype="float32")
    stats = rb.bptt(tagger(), x, target, MSE, checkpoint=found, backend=BOTH).stats
    assert (stats.peak_bytes, stats.steps_rerun) == (found.peak_bytes, found.forecast.steps_rerun)
    assert stats.steps_rerun > 0


@pytest.mark.long
@pytest.mark.parametrize("how", [{}, {"lengths": LENGTHS}], ids=["both directions", "lengths"])
def test_a_comparison_of_a_network_has_it_where_it_is_named(how: dict[str, Any]) -> None:
    x, target = reals(T, B, 3, dtype="float32"), reals(T, B, 2, dtype="float32")
    given: dict[str, Any] = {"shares": [90], "schedules": ["plan", "plan-16"], "repeats": 1} | how
    found = rb.compare.sweep(tagger(), x, target, MSE, **given)
    exact, half = (row.measured for row in found.rows)
    assert [row.choice.name for row in found.rows] == ["plan", "plan-16"]
    assert (exact.same_bits, half.same_bits) == (True, False)
    assert 0 < half.relative_error < 1e-4
    assert half.stats.peak_bytes == found.rows[1].choice.forecast.peak_bytes


def one_row(schedules: list[str]) -> rb.compare.Comparison:
    model, x, target = rb.LSTM(3, 8, rng=0), reals(T, B, 3), reals(T, B, 8)
    given = model, x.astype("float32"), target.astype("float32"), MSE
    return rb.compare.sweep(*given, shares=[100], schedules=schedules, repeats=1, chunk=8)


def test_figures_of_a_comparison_name_what_is_rounded() -> None:
    found = one_row(["all", "plan-16"])
    rows = [*csv.DictReader(io.StringIO(found.to_csv()))]
    assert [row["rounding"] for row in rows] == ["", "16-bit tapes"]
    assert json.loads(found.to_json())["full_caching"]["rounding"] == ""
    assert "rounding in plan-16: 16-bit tapes; gradients are not those of" in " ".join(
        str(found).split()
    )
    assert "<p>Rounding in plan-16: 16-bit tapes; gradients are not those of" in page(found, {})
    assert "rounding" not in str(one_row(["all"])).lower()


@pytest.mark.long
def test_figures_name_what_the_environment_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_PRECISION", "bfloat16")
    found = one_row(["all", "plan-16"])
    names = [row.figures()["rounding"] for row in (found.reference, *found.rows)]
    assert names == ["bfloat16 products"] * 2 + ["bfloat16 products, 16-bit tapes"]
    assert "precision='bfloat16'" in str(found.about["backend"])
    monkeypatch.delenv("RNNBP_PRECISION")
    assert names == [row.figures()["rounding"] for row in (found.reference, *found.rows)]
    monkeypatch.setenv("RNNBP_TAPE_BITS", "16")
    text = " ".join(str(one_row(["all"])).split())
    assert "rounding in all rows, the base too: 16-bit tapes; gradients are not" in text


@pytest.mark.long
def test_the_command_plans_with_them(capsys: pytest.CaptureFixture[str]) -> None:
    small = ["plan", "--units", "8", "--embedding", "4", "--steps", "60", "--batch", "4"]
    options = [*small, "--budget", "1 MB", "--tape-bits", "16", "--precision", "bfloat16"]
    assert main(options) == 0
    assert " without tape_bits=16\n" in capsys.readouterr().out
    assert main([*options, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 < found["tape_bytes"] < 0.6 * found["exact_tape_bytes"]
    assert main([*small, "--budget", "1 MB", "--json"]) == 0
    assert "tape_bytes" not in json.loads(capsys.readouterr().out)


def test_the_command_refuses_what_it_cannot_have(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    assert main(["plan", "--tape-bits", "16"]) == 1
    assert "needs machine code, found the backend 'numpy'" in capsys.readouterr().err
