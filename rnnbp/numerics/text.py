"""Values in the text of errors."""

from __future__ import annotations

import numpy as np

from rnnbp.support.printing import as_text


def shown(value: object) -> str:
    """``value`` in one short line, for an error."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    line = " ".join(as_text(value).split())
    return line if len(line) <= 80 else f"{line[:60]}…, of type {type(value).__name__}"


def escaped(text: str, most: int | None = None) -> str:
    """``text``, cut after ``most`` characters, with escapes for unprintable ones."""
    kept = text if most is None or len(text) <= most else f"{text[:most]}…"
    return (
        kept
        if kept.isprintable()
        else "".join(c if c.isprintable() else repr(c)[1:-1] for c in kept)
    )
