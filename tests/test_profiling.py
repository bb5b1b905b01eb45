"""The scripts under profiling/, at small sizes, through their command lines: the figures that they write."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parent.parent
SMALL = ["--steps", "96", "--batch", "8", "--units", "32"]


def script(
    name: str, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "profiling" / name), *arguments]
    paths = {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", env={**os.environ, **paths, **(env or {})}
    )


def written(found: subprocess.CompletedProcess[str], folder: Path, name: str) -> dict[str, Any]:
    """What a script wrote; its table in CSV must hold the same rows."""
    assert found.returncode == 0, found.stderr
    result: dict[str, Any] = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    with open(folder / f"{name}.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [list(row) for row in result["rows"]]
    return result


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
        # 0 where the run fits into what the process had freed or, if the mark cannot be set back, had used before
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


def test_peers(tmp_path: Path) -> None:
    what = [
        "--cells",
        "lstm",
        "mgu",
        "--against",
        "naive",
        "bound",
        "interpreter",
        "--grid",
        "8,2,3,4",
        "5,8,3,4",
    ]
    how = [
        "--rounds",
        "1",
        "--seconds",
        "0",
        "--threads",
        "1",
        "--chunk",
        "3",
        "--out",
        str(tmp_path),
    ]
    found = script("peers.py", *what, *how)
    result = written(found, tmp_path, "peers")
    rows = result["rows"]
    sizes = [(row["cell"], row["steps"], row["batch"], row["inputs"], row["units"]) for row in rows]
    assert sizes == [
        (cell, *shape) for cell in ("lstm", "mgu") for shape in ((8, 2, 3, 4), (5, 8, 3, 4))
    ]
    pairs = ["naive/numpy", "interpreter/numpy", "numpy/bound", "naive/bound", "interpreter/bound"]
    for row in rows:
        assert row["apart"] <= 1e-5
        assert [key for key in row if "/" in key] == pairs
        for pair in pairs:
            if "naive" in pair and row["cell"] == "mgu":
                assert row[pair] is None
            else:
                a, b = (row[f"{name}_seconds"] for name in pair.split("/"))
                assert row[pair] == a / b > 0
    expected = [("lstm", pair) for pair in pairs] + [
        ("mgu", pair) for pair in pairs if "naive" not in pair
    ]
    assert [(mean["cells"], mean["ratio"]) for mean in result["summary"]] == expected
    for mean in result["summary"]:
        small, wide = (row[mean["ratio"]] for row in rows if row["cell"] == mean["cells"])
        assert mean["geometric_mean"] == pytest.approx(geometric_mean([small, wide]))
        assert mean["least"] == min(small, wide)
        assert (mean["shapes"], mean["wide_shapes"]) == (2, 1)
        assert (
            mean["wide_geometric_mean"] == pytest.approx(mean["wide_least"]) == pytest.approx(wide)
        )
    for row in rows:
        assert f"\n{row['steps']}, {row['batch']}, 3, 4 " in found.stdout
    assert (tmp_path / "peers.png").exists() == bool(find_spec("matplotlib"))


def peer(cell: str, name: str) -> Any:
    missing = name in ("torch", "jax") and not find_spec(name)
    return pytest.param(
        cell,
        name,
        marks=pytest.mark.skipif(missing, reason=f"needs {name}, in the extra peers"),
        id=f"{cell} {name}",
    )


PEERS = [
    peer(cell, name)
    for name in ("interpreter", "torch", "jax")
    for cell in ("rnn", "lstm", "gru", "mgu", "norm")
]


@pytest.mark.parametrize(("cell", "name"), [peer("lstm", "naive"), *PEERS])
def test_peers_compute_the_same(tmp_path: Path, cell: str, name: str) -> None:
    """y, and gradients by x and every weight, in float64, in a process of each library's own."""
    found = script(
        "peers.py", "--check", "--cells", cell, "--against", name, "--out", str(tmp_path)
    )
    (row,) = written(found, tmp_path, "check")["rows"]
    assert (row["cell"], row["contender"]) == (cell, name)
    assert row["apart"] <= 1e-12


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"y": [1.0, 2.0], "x": [3.0]}, None),
        (
            {"y": [1.0, 2.0], "x": [3.0 + 1e-9]},
            "lstm: results of other differ from numpy's by 3.3e-10; no comparison",
        ),
        (
            {"y": [1.0, np.nan], "x": [3.0]},
            "lstm: results of other differ from numpy's by nan; no comparison",
        ),
        ({"y": [1.0, 2.0]}, "other gives {'y': (2,)}, not {'x': (1,), 'y': (2,)}; no comparison"),
        (
            {"y": [1.0], "x": [3.0]},
            "other gives {'x': (1,), 'y': (1,)}, not {'x': (1,), 'y': (2,)}; no comparison",
        ),
    ],
)
def test_peers_that_differ_are_not_timed(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    other: dict[str, list[float]],
    message: str | None,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "profiling"))
    race = import_module("peers_race")
    np.savez(tmp_path / "numpy.npz", y=[1.0, 2.0], x=[3.0])
    np.savez(tmp_path / "other.npz", **other)
    if message is None:
        assert race.compared(str(tmp_path), "lstm", ["numpy", "bound", "other"], "float64") == {
            "other": 0
        }
    else:
        with pytest.raises(SystemExit) as failure:
            race.compared(str(tmp_path), "lstm", ["numpy", "bound", "other"], "float64")
        assert failure.value.code == message


@pytest.mark.parametrize(
    ("name", "library"),
    [
        pytest.param(
            name,
            library,
            marks=pytest.mark.skipif(bool(find_spec(name)), reason=f"{library} is installed"),
        )
        for name, library in (("torch", "PyTorch"), ("jax", "JAX"))
    ],
)
def test_peers_without_a_library_says_how_to_get_it(
    tmp_path: Path, name: str, library: str
) -> None:
    found = script("peers.py", "--against", name, "--out", str(tmp_path / "none"))
    assert found.returncode == 1
    assert (
        found.stderr
        == f"peers.py compares with {library}; install it with: pip install '.[peers]'\n"
    )
    assert not (tmp_path / "none").exists()


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


@pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
def test_peers_beside_the_peak_of_the_processor(tmp_path: Path) -> None:
    how = [
        "--rounds",
        "1",
        "--seconds",
        "0",
        "--threads",
        "2",
        "--backends",
        "numpy",
        "llvm",
        "--out",
        str(tmp_path),
    ]
    found = script("peers.py", "--cells", "gru", "--against", "peak", "--grid", "20,8,16,32", *how)
    (row,) = written(found, tmp_path, "peers")["rows"]
    assert [key for key in row if "/" in key] == ["numpy/peak", "llvm/peak"]
    for name in ("numpy", "llvm"):
        assert row[f"{name}/peak"] == row[f"{name}_seconds"] / row["peak_seconds"] > 0


@pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
def test_operations_of_the_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "profiling"))
    peak, problem = import_module("peers_peak"), import_module("peers_problem")
    for cell, gates in (("lstm", 4), ("gru", 3), ("rnn", 1), ("mgu", 2), ("norm", 1)):
        found = peak.operations(problem.posed(cell, [7, 5, 3, 11], "float32"))
        forward = 7 * 5 * 2 * gates * 11 * (3 + 11)
        assert found == 3 * forward


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
