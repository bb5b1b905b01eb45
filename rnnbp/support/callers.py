"""Who called the library: warnings point there, however many of its own functions are between."""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = str(Path(__file__).parents[1])


def outside() -> int:
    """The ``stacklevel`` by which the caller's warning points outside the library."""
    frame, level = sys._getframe(1), 1
    while frame.f_code.co_filename.startswith(_HERE) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return level
