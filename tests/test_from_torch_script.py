"""experiments/from_torch.py: the motor by its equations, and a small run from end to end."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import rnnbp as rb

SCRIPT = Path(__file__).parent.parent / "experiments" / "from_torch.py"
MOTOR = runpy.run_path(str(SCRIPT))


def test_a_motor_warms_up_to_where_heat_comes_and_goes_equally() -> None:
    x = np.ones((12_000, 1, 2))
    y = MOTOR["motor"](x)[:, 0]
    magnets = (1.2 + 0.1) / (1 - 0.5)  # w = 1.2 + m / 2, m = w + 0.1
    np.testing.assert_allclose(y[-1], [1.2 + magnets / 2, magnets], rtol=2e-3)
    assert y[0] == pytest.approx([1.2 / 40, (1.2 / 40 + 0.1) / 900])
    assert (np.diff(y, axis=0) > 0).all()


def test_drives_depend_on_the_seed_and_stay_for_a_while() -> None:
    (x, y), (again, _), (other, _) = (MOTOR["drives"](2000, 3, seed) for seed in (0, 0, 1))
    assert (x.shape, y.shape, x.dtype, y.dtype) == (
        (2000, 3, 2),
        (2000, 3, 2),
        np.float32,
        np.float32,
    )
    assert np.array_equal(x, again)
    assert not np.array_equal(x, other)
    stays = (np.diff(x, axis=0) == 0).mean(axis=(0, 1))
    np.testing.assert_allclose(stays, [1 - 1 / 30, 1 - 1 / 90], atol=0.01)


@pytest.mark.long
def test_it_trains_through_whole_drives_within_the_budget(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnxruntime")
    given = "--units 8 --torch-steps 20 --torch-updates 20 --steps 400 --batch 4 --updates 40"
    path = tmp_path / "motor.onnx"
    argv = f"from_torch.py {given} --budget 1MB --onnx {path}".split()
    monkeypatch.setattr(sys, "argv", argv)
    MOTOR["main"]()
    text = capsys.readouterr().out
    assert "Sequential(LSTM(2, 8, name='rnn'), Dense(8, 2, name='head'))" in text
    found = re.search(r"40 updates through 400 steps of 4 drives in \d+ s: peak ([\d.]+) MB", text)
    assert found is not None
    assert float(found[1]) < 8  # with what the compiler writes, of the first update
    names = ("PyTorch", "onnxruntime", "PyTorch, back again")
    assert re.findall("largest difference from (.*): ", text) == [*names]
    before, after = re.findall(r"winding ([\d.]+) K, magnets ([\d.]+) K", text)
    assert float(after[1]) < float(before[1])
    assert rb.interchange.from_onnx(path).params.keys()
