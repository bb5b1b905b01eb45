"""Safetensors files of other libraries: without a checksum, in any order, with bfloat16."""

from __future__ import annotations

import sys
from io import BufferedReader

import numpy as np

from rnnbp.numerics import Array, StorageError
from rnnbp.storage.entries import BFLOAT16, Entry, foreign_entries
from rnnbp.storage.errors import JSON, PathLike
from rnnbp.storage.header import DIGEST, LONGEST
from rnnbp.storage.reading import check_size, opened, read_into
from rnnbp.storage.strict import room
from rnnbp.storage.tensors import is_ours, load_tensors

OTHERS = {
    b"PK\x03\x04": "a zip file, as torch.save, Keras and np.savez write; of PyTorch, save the "
    "weights by safetensors.torch.save_file(net.state_dict(), path), or give the dict, "
    "net.state_dict() or torch.load(path, weights_only=True); see help(rnnbp.load_weights). A "
    ".keras file is read by rnnbp.interchange.from_keras(path)",
    b"\x89HDF": "an HDF5 file, as Keras writes; load them in Keras, and give the model to "
    "rnnbp.interchange.from_keras, or see help(rnnbp.LSTM)",
    b"\x93NUMPY": "a NumPy array; take them by np.load, and params.update",
    b"\x80": "a pickle, which is never run; of PyTorch, save the weights by "
    "safetensors.torch.save_file(net.state_dict(), path), or give the dict, "
    "torch.load(path, weights_only=True); see help(rnnbp.load_weights)",
}
"""What files of other formats begin with."""


def load_any(path: PathLike) -> tuple[dict[str, Array], dict[str, JSON], bool]:
    """(arrays, metadata, True if it is ours) of any safetensors file; bfloat16 as float32.

    In a file of a different library, names, sizes and dtypes are checked as far as its header
    allows; it has no checksum, so damage within an array goes unnoticed. Raises StorageError.
    """
    with opened(path) as (file, size):
        found = foreign_header(path, file, size)
        if found is not None:
            listed, metadata = found
            arrays = {entry.name: _array(path, file, entry) for entry in listed}
            check_size(path, file.tell(), size, file)
            return arrays, metadata, False
        check_begins_as_safetensors(path, file, size)
    return *load_tensors(path), True


def bfloat16_names(path: PathLike) -> set[str]:
    """The tensors of bfloat16 in a file that ``load_any`` read, which returns them as float32."""
    with opened(path) as (file, size):
        listed, _ = foreign_header(path, file, size) or ([], {})  # a file of ours has none
    return {entry.name for entry in listed if entry.dtype == BFLOAT16}


def foreign_header(
    path: PathLike, file: BufferedReader, size: int
) -> tuple[list[Entry], dict[str, JSON]] | None:
    """The tensors and the metadata of a file of a different library, which is read up to the first
    tensor; None if it is not one.

    Raises StorageError for a header that is not possible, or does not fit the size.
    """
    start = file.read(min(size, DIGEST.stop))
    length = int.from_bytes(start[:8], "little")
    if is_ours(start, size) or start[8:9] != b"{" or length > min(LONGEST, size - 8):
        return None
    file.seek(8)
    header = file.read(length)
    try:
        listed, metadata = foreign_entries(header, room(size))
    except ValueError as error:
        raise StorageError(
            f"{path} is no safetensors file: {error}; take another copy of it"
        ) from None
    if (end := 8 + len(header) + (listed[-1].end if listed else 0)) != size:
        raise StorageError(
            f"{path} is cut short or damaged, it has {size} bytes of {end}; take another copy of it"
        )
    return listed, metadata


def check_begins_as_safetensors(path: PathLike, file: BufferedReader, size: int) -> None:
    """Raise StorageError for a file that begins otherwise than ours, and name what it is."""
    file.seek(0)
    start = file.read(min(size, DIGEST.stop))
    for opening, what in OTHERS.items():
        # A length may begin as a pickle does.
        if start.startswith(opening) and start[8:9] != b"{":
            raise StorageError(f"{path} is no safetensors file; it is {what}")
    if start and not is_ours(start, size):
        raise StorageError(
            f"{path} is no safetensors file, or is cut short; give one that save_weights, a "
            "Trainer or safetensors wrote (weights of PyTorch: see help(rnnbp.load_weights), "
            "of Keras or TensorFlow: help(rnnbp.LSTM))"
        )


def _array(path: PathLike, file: BufferedReader, entry: Entry) -> Array:
    array = np.empty(entry.shape, np.uint16 if entry.dtype == BFLOAT16 else entry.dtype)
    for _ in read_into(path, file, array):
        pass
    if sys.byteorder == "big":
        array = array.byteswap(inplace=True)
    return (array.astype(np.uint32) << 16).view(np.float32) if entry.dtype == BFLOAT16 else array
