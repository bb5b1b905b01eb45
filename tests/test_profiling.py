"""The scripts under profiling/, at small sizes, through their command lines."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.profiling_scripts import script, written

pytestmark = pytest.mark.long
SMALL = ["--steps", "96", "--batch", "8", "--units", "32"]


def test_lanes() -> None:
    small = ["--units", "16", "--steps", "96", "--rounds", "1", "--repeats", "1"]
    found = script(
        "lanes.py", "--layers", "2", "--batches", "3", *small, "--against", "rows", "one"
    )
    assert re.search(r"2 layers, B = 3 +[\d.]+ +[\d.]+ +[\d.]+\n", found.stdout)


def test_budgets(tmp_path: Path) -> None:
    found = script(
        "budgets.py",
        *SMALL,
        "--steps",
        "48",
        "--model",
        "gru",
        "--budgets",
        "4",
        "--repeats",
        "1",
        "--out",
        str(tmp_path),
    )
    result = written(found, tmp_path, "gru")
    rows = result["rows"]
    assert len(rows) == 4
    for row in rows:
        assert row["forecast"] == row["ledger"] <= row["budget"]
        assert row["arrays"] <= row["budget"]
        assert abs(row["arrays"] - row["ledger"]) <= max(0.01 * row["arrays"], 64 * 1024)
        assert row["arrays"] < row["traced"]
        assert row["seconds"] > 0
    assert [row["budget"] for row in rows] == sorted(row["budget"] for row in rows)
    assert rows[0]["ledger"] < rows[-1]["ledger"]
    assert "forecast and ledger: equal in 4 of 4" in found.stdout
    assert "arrays: 4 of 4 peaks within the budget" in found.stdout
    assert result["found"] == found.stdout.splitlines()[-len(result["found"]) :]


@pytest.mark.skipif(
    not find_spec("memory_profiler"),
    reason="needs memory-profiler, in the extras dev and profiling",
)
def test_peak_memory(tmp_path: Path) -> None:
    more = [
        "--budget",
        "800 kB",
        "--chunk",
        "8",
        "--interval",
        "0.01",
        "--schedules",
        "sqrt",
        "all cached",
        "budget",
    ]
    found = script("peak_memory.py", *SMALL, *more, "--out", str(tmp_path))
    result = written(found, tmp_path, "peak_memory")
    rows = {row["schedule"].split(",")[0]: row for row in result["rows"]}
    assert list(rows) == ["sqrt", "all cached", "budget 800 kB"]
    for row in rows.values():
        assert row["forecast"] == row["ledger"]
        assert abs(row["arrays"] - row["ledger"]) <= max(0.01 * row["arrays"], 64 * 1024)
        # 0 where the run fits into what the process had freed or, if the mark cannot be set back,
        # had used before
        assert row["high_water"] is None or 0 <= row["high_water"] <= row["traced"] + 8_000_000
    assert rows["sqrt"]["ledger"] < 0.7 * rows["all cached"]["ledger"]
    assert max(rows["budget 800 kB"][key] for key in ("ledger", "arrays")) <= 800_000
    assert set(result["curves"]) == {row["schedule"] for row in result["rows"]}
    assert (tmp_path / "peak_memory.png").exists() == bool(find_spec("matplotlib"))


@pytest.mark.skipif(
    not find_spec("memory_profiler"),
    reason="needs memory-profiler, in the extras dev and profiling",
)
def test_a_process_that_fails_is_named_with_its_error(tmp_path: Path) -> None:
    found = script(
        "peak_memory.py",
        *SMALL,
        "--schedules",
        "budget",
        "--budget",
        "1 kB",
        "--out",
        str(tmp_path / "none"),
    )
    assert found.returncode == 1
    assert re.search(
        r"the process for trace ended with status 1: .*BudgetError: a budget of 1 kB", found.stderr
    )
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(not find_spec("torch"), reason="needs PyTorch, in the extra torch")
def test_torch_memory(tmp_path: Path) -> None:
    shape = ["--steps", "120", "--batch", "8", "--n-in", "8", "--units", "64"]
    more = [
        "--repeats",
        "1",
        "--segments",
        "6",
        "--budgets",
        "50",
        "--threads",
        "1",
        "--out",
        str(tmp_path),
    ]
    result = written(script("torch_memory.py", *shape, *more), tmp_path, "torch_memory_1_threads")
    rows = {row["contender"]: row for row in result["rows"]}
    assert list(rows) == [
        "PyTorch",
        "PyTorch, checkpoints",
        "rnnbp, all cached",
        "rnnbp, 50 % budget",
    ]
    for row in rows.values():
        assert row["apart"] <= 2e-5
        assert row["seconds"] > 0
    planned, cached = rows["rnnbp, 50 % budget"], rows["rnnbp, all cached"]
    assert planned["ledger"] <= planned["budget"] < cached["ledger"]
    assert rows["PyTorch"]["bytes_ratio"] == rows["PyTorch"]["seconds_ratio"] == 1


@pytest.mark.skipif(bool(find_spec("torch")), reason="PyTorch is installed")
def test_torch_memory_without_torch_says_how_to_get_it() -> None:
    found = script("torch_memory.py")
    assert found.returncode == 1
    assert (
        found.stderr
        == "torch_memory.py compares with PyTorch; install it with: pip install 'rnnbp[torch]'\n"
    )


def test_rules(tmp_path: Path) -> None:
    more = [
        "--rounds",
        "1",
        "--seconds",
        "0.01",
        "--shape",
        "8",
        "2",
        "3",
        "4",
        "--variants",
        "gate by gate",
        "joined",
    ]
    found = script("rules.py", *more, "--out", str(tmp_path))
    rows = written(found, tmp_path, "rules")["rows"]
    assert [(row["backend"], row["variant"]) for row in rows] == [
        ("numpy", "gate by gate"),
        ("numpy", "without joined"),
    ]
    for row in rows:
        assert row["ratio"] > 0
        assert (
            f"numpy, {row['variant']}: {row['ratio']:.3f} of the time with all rules"
            in found.stdout
        )


@pytest.mark.skipif(bool(find_spec("torch")), reason="PyTorch is here")
def test_training_steps_without_torch_says_how_to_get_it(tmp_path: Path) -> None:
    found = script("training_steps.py", "--out", str(tmp_path))
    assert (
        found.stderr
        == "training_steps.py compares with PyTorch; install it with: pip install '.[peers]'\n"
    )


@pytest.mark.skipif(not find_spec("torch"), reason="needs torch, in the extra peers")
def test_training_steps_of_both_have_the_same_losses(tmp_path: Path) -> None:
    how = [
        "--steps",
        "2",
        "--rounds",
        "1",
        "--threads",
        "1",
        "--backends",
        "numpy",
        "--out",
        str(tmp_path),
    ]
    found = script("training_steps.py", *how)
    rows = written(found, tmp_path, "training_steps")["rows"]
    assert [row["contender"] for row in rows] == ["PyTorch", "bptt, numpy", "fit, numpy"]
    for row in rows:
        assert row["apart"] < 1e-4
        assert row["ratio"] == pytest.approx(row["bytes per second"] / rows[0]["bytes per second"])


def test_both_directions_over_a_long_sequence() -> None:
    sizes = ["--steps", "3000", "--units", "8", "--budget", "2 MB"]
    head, bytes_, again = script("long_both.py", *sizes).stdout.splitlines()
    assert head.startswith("3,000 steps")
    traced, told, arrays = (float(n) for n in re.findall(r"[\d.]+", bytes_))
    assert arrays < told
    assert max(traced, told) <= 2
    assert int(re.findall(r"([\d,]+) steps of layers", again)[0].replace(",", "")) > 0


def test_mingru_beside_lstm() -> None:
    sizes = ["--steps", "48", "--units", "8", "--rounds", "1", "--threads", "1", "--chunks", "16"]
    head, row = script("long_mingru.py", *sizes).stdout.splitlines()
    assert head.split()[-1] == "share"
    assert row.split()[:2] == ["1,", "16"]
    assert 0 < float(row.split()[-1]) < 0.5


@pytest.mark.long
def test_times_of_single_steps_are_written(tmp_path: Path) -> None:
    what = ["--contenders", "rnnbp", "--rounds", "1", "--units", "5", "--threads", "1"]
    found = script("stepper.py", *what, "--block", "3", "--out", str(tmp_path))
    rows = written(found, tmp_path, "stepper")["rows"]
    assert [(row["units"], row["n_in"], row["batch"]) for row in rows] == [(5, 8, 1), (5, 5, 1)]
    assert all(row["rnnbp"] > 0 for row in rows)
