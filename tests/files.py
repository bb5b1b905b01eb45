"""A small file of tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rnnbp.storage import save_tensors


def small(path: Path) -> bytes:
    """A file with two dtypes, metadata and header padding, and its bytes."""
    save_tensors(path, {"w": np.arange(3.0), "mask": np.array([True, False])}, {"step": 3})
    data = path.read_bytes()
    assert data[: 8 + int.from_bytes(data[:8], "little")].endswith(b" "), "there is padding to flip"
    return data
