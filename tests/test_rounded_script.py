"""experiments/rounded.py: its models, its curves, and a small run."""

from __future__ import annotations

import csv
import math
import re
import runpy
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("llvmlite")

SCRIPT = Path(__file__).parent.parent / "experiments" / "rounded.py"
ROUNDED = runpy.run_path(str(SCRIPT))
EXACT, NUDGED = ROUNDED["EXACT"], ROUNDED["NUDGED"]
OPTIONS = SimpleNamespace(units=12, horizon=6, batch=4, steps=30, lr=1e-2, seed=3)


@pytest.fixture(autouse=True)
def _unnamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RNNBP_BACKEND", "RNNBP_PRECISION", "RNNBP_TAPE_BITS"):
        monkeypatch.delenv(name, raising=False)


def learnt(way: str, name: str = "LSTM") -> Any:
    symbols = np.frombuffer(b"to be or not to be, that is the question: " * 9, np.uint8)
    return ROUNDED["learn"](name, way, symbols, OPTIONS)


@pytest.mark.parametrize("name", ROUNDED["MODELS"])
def test_runs_begin_with_the_same_weights_but_for_a_last_bit(name: str) -> None:
    one, other, nudged = (ROUNDED["build"](name, 5, 7, nudged=k == 2) for k in range(3))
    for key, p in one.params.items():
        np.testing.assert_array_equal(p, other.params[key])
        np.testing.assert_array_equal(np.nextafter(p, np.float32(9)), nudged.params[key])


@pytest.mark.long
def test_losses_are_in_bits_and_differ_by_what_is_rounded() -> None:
    found = {way: learnt(way) for way in ROUNDED["WAYS"]}
    assert found[EXACT].shape == (30,)
    assert found[EXACT][0] == pytest.approx(math.log2(256), abs=0.3)
    first = {way: abs(found[way][0] / found[EXACT][0] - 1) for way in found}
    assert first["16-bit tapes"] < 1e-6 < first["bfloat16"] < 1e-3
    assert first["both"] == pytest.approx(first["bfloat16"], abs=1e-6)
    last = [tuple(losses[-5:]) for losses in found.values()]
    assert len({*last}) == 5
    np.testing.assert_array_equal(learnt("both"), found["both"])


def test_curves_are_means_and_gaps_are_from_those_of_float32() -> None:
    smooth = ROUNDED["smoothed"](np.array([1.0, 3.0, 8.0, 1.0]), 2)
    np.testing.assert_array_equal(smooth, [2.0, 5.5, 4.5])
    curves = {EXACT: smooth, "both": np.array([2.0, 2.5, 5.5])}
    found = ROUNDED["figures"](curves)
    assert found == {EXACT: {"final": 4.5, "gap": 0}, "both": {"final": 5.5, "gap": 3}}


@pytest.mark.long
def test_it_writes_what_it_finds(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = f"--units 8 --steps 12 --smooth 4 --models RNN GRU --folder {tmp_path}"
    monkeypatch.setattr(sys, "argv", f"rounded.py {given}".split())
    ROUNDED["main"]()
    said = capsys.readouterr().out
    text = (tmp_path / "rounded.csv").read_text(encoding="utf-8")
    rows = [*csv.DictReader(text.splitlines())]
    assert [row["model"] for row in rows] == ["RNN"] * 5 + ["GRU"] * 5
    assert [row["way"] for row in rows] == [*ROUNDED["WAYS"]] * 2
    for row in rows:
        final, gap = (float(row[name]) for name in ("final_bits", "largest_gap_bits"))
        assert f"{final:.4f}, {gap:.4f}" in said
    assert len(re.findall(r"^(?:RNN|GRU) +[\d.]+, 0.0000 ", said, re.MULTILINE)) == 2
    assert (tmp_path / "rounded.png").exists() == (find_spec("matplotlib") is not None)
