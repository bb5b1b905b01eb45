"""The arguments that say how the sequences of a run are read."""

from __future__ import annotations

from typing import TypedDict

from rnnbp.inputs.given import SeriesLike, StateLike
from rnnbp.storage import PathLike


class SeriesOptions(TypedDict):
    """Arguments that ``bptt`` and ``evaluate`` hand on to ``pose``, with their meaning there."""

    chunk: int | None
    state: StateLike
    steps: int | None
    folder: PathLike | None
    mask: SeriesLike
