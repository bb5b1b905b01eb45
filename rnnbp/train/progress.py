"""The progress bar."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from rnnbp.bars import Bar


def progress_bar(
    shown: bool | None, done: int, total: int | None, unit: str = "step"
) -> contextlib.AbstractContextManager[Any]:
    """A tqdm bar of ``total`` units on stderr, or None where it is not ``shown``; None shows it on a terminal only."""
    if not (sys.stderr is not None and sys.stderr.isatty() if shown is None else shown):
        return contextlib.nullcontext()
    return Bar(total=total, initial=done, unit=unit)
