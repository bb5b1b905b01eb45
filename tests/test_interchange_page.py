"""The examples of docs/interchange.md run as printed, where what they need is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/interchange.md").read_text(encoding="utf-8")
PRINTED = {
    "file": r"Sequential: 42 parameters, 168 B of float32",
    "torch": r"lstm.weight_ih_l1_reverse +64×32 +float32 +->  lstm.1.backward.weight_ih",
    "keras": "",
    "onnx": "",
    "estimators": r"'recurrentclassifier__units': \d+\} (0\.[89]|1)",
    "forecaster": r"\[0\.[89]\d* +0\.[89]\d* *\]\n\(24, 2\)",
    "copies": r"^Parameters: 6 arrays\n  rnn\.weight_ih  \(32, 3\) float32",
}
"""What each prints, among others."""
NEEDED = {
    "torch": "torch",
    "keras": "keras",
    "onnx": "onnxruntime",
    "estimators": "sklearn",
    "forecaster": "sklearn",
}


@pytest.mark.long
@pytest.mark.parametrize("marker", re.findall(r"<!-- (\w+) -->", PAGE))
def test_an_example_runs_as_printed(
    marker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    pytest.importorskip(NEEDED.get(marker, "numpy"))
    (code,) = re.findall(rf"<!-- {marker} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "example.py").write_text(code, encoding="utf-8")
    found = subprocess.run(
        [sys.executable, "example.py"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert found.returncode == 0, found.stderr
    assert re.search(PRINTED[marker], found.stdout)
