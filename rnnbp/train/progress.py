"""The progress bar."""

from __future__ import annotations

import contextlib
from typing import Any

from rnnbp import bars


def progress_bar(
    shown: bool | None, done: int, total: int | None, unit: str = "step"
) -> contextlib.AbstractContextManager[Any]:
    """A tqdm bar of ``total`` units, or None where it is not ``shown``; None shows it on a terminal and in a
    notebook only."""
    return bars.bar(total, initial=done, unit=unit) if bars.wanted(shown) else contextlib.nullcontext()
