"""profiling/layers.py, at a small size: what it compares, and that all compute the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.profiling_scripts import script, written

pytest.importorskip("torch")
pytest.importorskip("llvmlite")
pytestmark = pytest.mark.long


def test_layers_are_compared_with_pytorch(tmp_path: Path) -> None:
    arguments = "--layers MaxPool --shapes 3 --threads 1 --batch 1 --rounds 1 --seconds 0"
    found = script("layers.py", *arguments.split(), "--out", str(tmp_path))
    rows = written(found, tmp_path, "layers")["rows"]
    assert [row["layer"] for row in rows] == ["MaxPool"]
    assert all(row["apart"] < 1e-4 for row in rows)
