"""The progress bar."""

from __future__ import annotations

import contextlib
import sys
from typing import Any


def progress_bar(
    shown: bool | None, done: int, total: int | None, unit: str = "step"
) -> contextlib.AbstractContextManager[Any]:
    """A tqdm bar of ``total`` units on stderr, or None where it is not ``shown``; None shows it on a terminal only."""
    if not (sys.stderr is not None and sys.stderr.isatty() if shown is None else shown):
        return contextlib.nullcontext()
    from tqdm import tqdm  # starting it takes locks and a thread, which a run without a bar does not need

    return tqdm(total=total, initial=done, unit=unit)
