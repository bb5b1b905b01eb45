"""What snapshots call this library's functions and classes stays as it was when their modules move."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from rnnbp.train.bytecode import library_name

NAMES = Path(__file__).parent / "data" / "filed_names.json"
FILED: dict[str, str] = json.loads(NAMES.read_text(encoding="utf-8"))
"""By public name, what was written into snapshots before modules moved."""


@pytest.mark.parametrize("public", FILED)
def test_they_are_filed_under_the_names_that_older_snapshots_have(public: str) -> None:
    module, _, name = public.rpartition(".")
    assert library_name(getattr(import_module(module), name)) == FILED[public]
