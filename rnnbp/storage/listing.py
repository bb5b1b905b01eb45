"""What a safetensors file holds, without its tensors in memory."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from rnnbp.storage.entries import Entry
from rnnbp.storage.errors import JSON, PathLike
from rnnbp.storage.foreign import check_begins_as_safetensors, foreign_header
from rnnbp.storage.header import BLANK, DIGEST
from rnnbp.storage.reading import PIECE, opened
from rnnbp.storage.tensors import read_header


class Listing(NamedTuple):
    """The tensors in the order of their bytes, the metadata, and the size of the file.

    fits: whether the contents are those of the checksum; None for a file without one, of a
    different library.
    """

    entries: list[Entry]
    metadata: dict[str, JSON]
    size: int
    fits: bool | None


def listed(path: PathLike) -> Listing:
    """The contents of a safetensors file, ours or of a different library.

    Raises StorageError as ``load_any`` does, but for damage that only the checksum shows.
    """
    with opened(path) as (file, size):
        found = foreign_header(path, file, size)
        if found is not None:
            return Listing(*found, size, None)
        check_begins_as_safetensors(path, file, size)
    entries, metadata = read_header(path)
    return Listing(entries, metadata, size, _fits(path))


def _fits(path: PathLike) -> bool:
    """True if the contents of a file of ours match its checksum."""
    with opened(path) as (file, _):
        start = file.read(DIGEST.stop)
        found = hashlib.sha256(start[: DIGEST.start] + BLANK)
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest().encode() == start[DIGEST]
