"""The place in the data of a source that an error is about."""

from __future__ import annotations

import re

from rnnbp.numerics import Array, ShapeError
from rnnbp.train.batches import Batches
from rnnbp.train.data import Sequences
from rnnbp.train.examples import Examples
from rnnbp.train.several_rows import SeveralRows
from rnnbp.train.source import Source
from rnnbp.train.windows import Windows

_PLACE = re.compile(
    r"\b(x|target|weights|input|dy) (?:(?:is|has|=) |must [^;]*, found |)\S+ at \[(\d+), (\d+)"
)
"""Of a value that cannot be: the array that has it, its step and row in the batch."""
_OF_X = re.compile(r"^x has shape|in shape \([^)]*\) of x;")
"""Of the shape of x in a batch."""
_ARRAYS = {"x": "x", "target": "target", "weights": "mask"}
"""What a source calls the arrays in which an error is at the place that it says."""
_START = re.compile(r"steps are counted from step (\d+) of the sequence")


def note_origin(
    error: BaseException, source: Source, epoch: int, index: int, rows: Array | None = None
) -> None:
    """Add a note to an error about a row of a batch: which data it is, if the source knows.

    Args:
        rows: of a part of a batch, the numbers of its rows.
    """
    if isinstance(error, ShapeError):
        _note_shape(error, source)
    found = _PLACE.search(str(error))
    if found is None or not isinstance(source, (Sequences, Examples, Windows, Batches)):
        return
    starts = [
        int(start[1]) for note in getattr(error, "__notes__", ()) if (start := _START.match(note))
    ]
    step, row, array = sum(starts) + int(found[2]), int(found[3]), _ARRAYS.get(found[1], "")
    row = row if rows is None else int(rows[row])
    if isinstance(source, Batches):
        if array == "target" and source.layout.last:
            error.add_note(f"row {row} of the batch: see its target[{row}]")
    elif 0 <= index < source.batches_per_epoch:
        error.add_note(source.origin(epoch, index, step, row, array))


def _note_shape(error: ShapeError, source: Source) -> None:
    """Add the shape of x as the user gave it, if the error has that of a batch."""
    if isinstance(source, (Sequences, Examples)) and _OF_X.search(str(error)):
        if isinstance(source.x, SeveralRows):
            return
        name, axes = type(source).__name__, "(T, B, ...)"
        error.add_note(f"{name}: x has shape {source.x.shape}, its batches the axes {axes}")
