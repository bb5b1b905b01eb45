"""What a safetensors file holds, without its tensors in memory."""

from __future__ import annotations

from typing import NamedTuple

from rnnbp.storage.entries import Entry
from rnnbp.storage.errors import JSON, PathLike
from rnnbp.storage.foreign import check_begins_as_safetensors, foreign_header
from rnnbp.storage.reading import opened
from rnnbp.storage.tensors import fits_checksum, read_header


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
    return Listing(entries, metadata, size, fits_checksum(path))
