"""The place in the data of a source that an error is about."""

from __future__ import annotations

import re

from rnnbp.train.data import Examples, Sequences
from rnnbp.train.source import Source
from rnnbp.train.windows import Windows

_PLACE = re.compile(r"\b(?:x|target|dy) (?:is|has|=) \S+ at \[(\d+), (\d+)")
"""Of a value that is not finite or out of range: its step and row in the batch."""
_START = re.compile(r"steps are counted from step (\d+) of the sequence")


def note_origin(error: BaseException, source: Source, epoch: int, index: int) -> None:
    """Add a note to an error about a row of a batch: which data it is, if the source knows."""
    found = _PLACE.search(str(error))
    if found is None or not isinstance(source, (Sequences, Examples, Windows)):
        return
    starts = [
        int(start[1]) for note in getattr(error, "__notes__", ()) if (start := _START.match(note))
    ]
    step, row = sum(starts) + int(found[1]), int(found[2])
    if 0 <= index < source.batches_per_epoch:
        error.add_note(source.origin(epoch, index, step, row))
