"""profiling/peers.py: what it compares, that all compute the same, a missing library."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
import pytest

from tests.profiling_scripts import ROOT, script, written

pytestmark = pytest.mark.long


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
    pairs = [
        "naive/default",
        "interpreter/default",
        "default/bound",
        "naive/bound",
        "interpreter/bound",
    ]
    for row in rows:
        assert row["apart"] <= 1e-5
        assert [key for key in row if "/" in key] == pairs
        absent = {"lstm": [], "mgu": ["naive/default", "naive/bound"]}[row["cell"]]
        assert [pair for pair in pairs if row[pair] is None] == absent
        for pair in set(pairs) - set(absent):
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
    missing = name in ("torch", "jax", "jax8") and not find_spec(name.rstrip("8"))
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
] + [
    peer(cell, name)
    for name in ("torch", "jax", "jax8")
    for cell in ("peephole", "norm_lstm", "zoneout", "dale", "mingru", "lru")
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


@pytest.fixture
def compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, float]]:
    """A function that compares these results of another library with NumPy's."""
    monkeypatch.syspath_prepend(str(ROOT / "profiling"))
    race = import_module("peers_race")

    def compare(**other: list[float]) -> dict[str, float]:
        np.savez(tmp_path / "numpy.npz", y=[1.0, 2.0], x=[3.0])
        np.savez(tmp_path / "other.npz", **other)
        names = ["numpy", "bound", "other"]
        found: dict[str, float] = race.compared(str(tmp_path), "lstm", names, "float64")
        return found

    return compare


def test_peers_that_agree_are_timed(compared: Callable[..., dict[str, float]]) -> None:
    assert compared(y=[1.0, 2.0], x=[3.0]) == {"other": 0}


@pytest.mark.parametrize(
    ("other", "message"),
    [
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
    compared: Callable[..., dict[str, float]], other: dict[str, list[float]], message: str
) -> None:
    with pytest.raises(SystemExit) as failure:
        compared(**other)
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
