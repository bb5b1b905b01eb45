"""Tensors on disk with a checksum.

A file of tensors is in the safetensors format, so any reader of that format can read it. Its header
begins with the sha256 of every other byte of the file, and arrays are laid out in C order, neither
of which ``safetensors`` does. Arrays are written and read piece by piece: saving takes the header
and a piece of memory in addition to the arrays, loading the arrays and the header.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from io import BufferedReader

import numpy as np

from rnnbp.numerics import Array, StorageError, escaped
from rnnbp.storage.atomic import replacing, write_all
from rnnbp.storage.entries import Entry, entries
from rnnbp.storage.errors import JSON, PathLike
from rnnbp.storage.header import BLANK, DIGEST, LONGEST, OPENING, Tensor, build
from rnnbp.storage.reading import PIECE, check_size, opened, read_into
from rnnbp.storage.strict import room

WRITTEN = PIECE // 4
"""Bytes that are written together, of which saving holds twice as many."""


def save_tensors(
    path: PathLike, arrays: Mapping[str, Tensor], metadata: Mapping[str, JSON]
) -> None:
    """Write arrays of any layout by name, and JSON, as one file, atomically.

    They are read one at a time, in the order of ``written_order``. The same arguments give the same
    bytes. Raises StorageError, DtypeError for a dtype that the format lacks, ValueError for a name
    that it cannot have, TypeError for metadata that JSON cannot hold (NaN included).
    """
    head, order = build(arrays, metadata)
    with replacing(path, len(head) + sum(array.nbytes for array in arrays.values())) as number:
        found, waiting = hashlib.sha256(head), bytearray(head)
        for name in order:
            for piece in _pieces(np.asarray(arrays[name])):
                found.update(piece)
                if len(waiting) + len(piece) > WRITTEN:
                    write_all(number, waiting)
                    waiting.clear()
                    write_all(number, piece)
                else:
                    waiting += piece
        write_all(number, waiting)
        os.lseek(number, DIGEST.start, os.SEEK_SET)
        write_all(number, found.hexdigest().encode())


def load_tensors(path: PathLike) -> tuple[dict[str, Array], dict[str, JSON]]:
    """(arrays, metadata) of a file that ``save_tensors`` wrote; the arrays are new and writable.

    The sizes in its header are compared with that of the file first. Raises StorageError if it is
    missing, cut short, damaged in any bit, or a different kind of file.
    """
    with opened(path) as (file, size):
        head, expected = _head(path, file, size)
        listed, metadata = _entries(path, file, head, size)
        found, arrays = hashlib.sha256(head), {}
        for entry in listed:
            arrays[entry.name] = _array(path, file, entry, found)
        check_size(path, file.tell(), size, file)
        if found.hexdigest().encode() != expected:
            raise _damage(path)
    for entry in listed:
        _check_bools(path, entry, arrays[entry.name])
    return arrays, metadata


def read_header(path: PathLike) -> tuple[list[Entry], dict[str, JSON]]:
    """The tensors in the header, and the metadata, without reading the tensors.

    Sizes agree with the file; damage is noticed only when it is loaded. Raises StorageError.
    """
    with opened(path) as (file, size):
        return _entries(path, file, _head(path, file, size)[0], size)


def fits_checksum(path: PathLike) -> bool:
    """True if the contents of a file of ours match its checksum. Raises StorageError."""
    with opened(path) as (file, size):
        return _is_whole(file, _head(path, file, size)[0])


def _pieces(array: Array) -> Iterator[bytes]:
    """The bytes of an array in C order, little-endian, some ``WRITTEN`` at a time."""
    if array.nbytes <= WRITTEN or not array.ndim:
        yield array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes("C")
        return
    rows = max(1, WRITTEN // (array.nbytes // len(array)))
    for start in range(0, len(array), rows):
        yield from _pieces(array[start : start + rows] if rows > 1 else array[start])


def _head(path: PathLike, file: BufferedReader, size: int) -> tuple[bytes, bytes]:
    """The length and the header with zeros for its digest, and the digest."""
    start = file.read(min(size, DIGEST.stop))
    if not start:
        raise StorageError(f"{path} is empty; restore it from a copy")
    if not is_ours(start, size):
        raise StorageError(
            f"{path} is not a file of rnnbp tensors; give one that save_weights or a Trainer wrote "
            "(weights of PyTorch: see help(rnnbp.load_weights), of Keras or TensorFlow: "
            "help(rnnbp.LSTM))"
        )
    if len(start) < DIGEST.stop:
        raise StorageError(
            f"{path} is cut short, it has only {size} bytes; take another copy of it"
        )
    length = int.from_bytes(start[:8], "little")
    if not DIGEST.stop <= 8 + length <= size:
        raise StorageError(
            f"{path} is cut short or damaged, it has {size} bytes of {8 + length}; restore it from "
            "a copy"
        )
    if length > LONGEST:
        raise StorageError(
            f"{path} has a header of {length} bytes, at most {LONGEST} can be; restore it from a "
            "copy"
        )
    rest = file.read(8 + length - DIGEST.stop)
    if len(rest) < 8 + length - DIGEST.stop:
        check_size(path, len(rest), size, file)
    return start[: DIGEST.start] + BLANK + rest, start[DIGEST]


def is_ours(start: bytes, size: int) -> bool:
    """True if a file of ``size`` bytes with this beginning seems to be one of ours."""
    return OPENING.startswith(start[8 : DIGEST.start]) and not (len(start) < DIGEST.start <= size)


def _entries(
    path: PathLike, file: BufferedReader, head: bytes, size: int
) -> tuple[list[Entry], dict[str, JSON]]:
    most = room(size)
    try:
        listed, metadata = entries(head[8:], most)
    except ValueError as error:
        if _is_whole(file, head):
            raise StorageError(
                f"{path} is not what rnnbp writes: {error}; take another copy of it"
            ) from None
        raise _damage(path) from None
    if (end := len(head) + (listed[-1].end if listed else 0)) != size:
        whole = "not what rnnbp writes" if _is_whole(file, head) else "cut short or damaged"
        raise StorageError(
            f"{path} is {whole}, it has {size} bytes of {end}; restore it from a copy"
        )
    return listed, metadata


def _is_whole(file: BufferedReader, head: bytes) -> bool:
    """True if the contents match their checksum, so that they are as they were written."""
    found = hashlib.sha256(head)
    while piece := file.read(1 << 16):
        found.update(piece)
    file.seek(DIGEST.start)
    return found.hexdigest().encode() == file.read(len(BLANK))


def _damage(path: PathLike) -> StorageError:
    return StorageError(
        f"{path} is damaged, its contents do not fit their checksum; restore it from a copy"
    )


def _array(path: PathLike, file: BufferedReader, entry: Entry, found: hashlib._Hash) -> Array:
    """The next array of the file; its bytes are added to ``found``."""
    array = np.empty(entry.shape, entry.dtype)
    for piece in read_into(path, file, array):
        found.update(piece)
    return array.byteswap(inplace=True) if sys.byteorder == "big" else array


def _check_bools(path: PathLike, entry: Entry, array: Array) -> None:
    if entry.dtype == np.bool_ and array.size and array.view(np.uint8).max() > 1:
        raise StorageError(
            f"{path}: tensor {escaped(entry.name, 80)} has bools other than 0 and 1; take another "
            "copy"
        )
