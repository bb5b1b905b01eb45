"""The files of a comparison: CSV and JSON, pictures where Matplotlib is installed, and a page."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from rnnbp.compare.page import page
from rnnbp.compare.table import Comparison
from rnnbp.numerics import flag
from rnnbp.storage import write_atomic, write_error

CURE = "pictures need Matplotlib: python -m pip install 'rnnbp[plot]'"


def save(
    comparison: Comparison, folder: str | os.PathLike[str], *, html: bool = False
) -> list[Path]:
    """Write compare.csv and .json, frontier.png, schedules.png and, with ``html``, compare.html.

    Args:
        comparison: as ``sweep`` returns it.
        folder: created if needed; files of these names in it are replaced atomically.
        html: True for a page with the table and the pictures.

    Returns:
        The paths of the files. Without Matplotlib there are no pictures; of a network over time,
        whose sweeps have a schedule each, there is no schedules.png.

    Raises StorageError.

    >>> import tempfile, numpy as np, rnnbp as rb
    >>> x, target = np.zeros((8, 2, 1), np.float32), np.zeros((8, 2, 2), np.float32)
    >>> model, loss = rb.Sequential(rb.RNN(1, 2)), rb.losses.MeanSquaredError()
    >>> how = {"shares": [100], "schedules": ["all"], "chunk": 4, "repeats": 1}
    >>> found = rb.compare.sweep(model, x, target, loss, **how)
    >>> [path.name for path in rb.compare.save(found, tempfile.mkdtemp())][:2]
    ['compare.csv', 'compare.json']
    """
    folder, with_page = Path(folder), flag("save: html", html)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    data = {
        "compare.csv": comparison.to_csv().encode(),
        "compare.json": comparison.to_json().encode(),
    }
    written = _write(folder, data)  # Figures first: they are what cannot be had again.
    drawn = pictures(comparison)
    written += _write(folder, drawn)
    return written + (
        _write(folder, {"compare.html": page(comparison, drawn).encode()}) if with_page else []
    )


def _write(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    for name, data in contents.items():
        write_atomic(folder / name, data)
    return [folder / name for name in contents]


def pictures(comparison: Comparison) -> dict[str, bytes]:
    """PNG files by name; none without Matplotlib."""
    if not can_draw():
        return {}
    from rnnbp.compare.draw_frontier import frontier  # imports Matplotlib, which is optional
    from rnnbp.compare.draw_schedules import schedules

    found = {"frontier.png": frontier(comparison)}
    if comparison.reference.choice.of_sweeps is None:
        found["schedules.png"] = schedules(comparison)
    return found


def can_draw() -> bool:
    """True if Matplotlib is installed."""
    return find_spec("matplotlib") is not None
