"""Runs the scripts under profiling/ and reads what they write."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent


def script(
    name: str, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a script and return what it printed."""
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
