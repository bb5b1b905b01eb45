"""The header of a file of tensors, as it is written.

A file is 8 bytes of header length, the header, which is JSON padded with spaces to a multiple of 8,
and the arrays in C order, little-endian, widest dtypes first, without gaps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import numpy as np

from rnnbp.numerics import Array, Dtype, DtypeError, Shape
from rnnbp.storage.errors import JSON
from rnnbp.storage.strict import json_text, parse, room

OPENING = b'{"__metadata__":{"format":"rnnbp 1","sha256":"'
BLANK = b"0" * 64
DIGEST = slice(8 + len(OPENING), 8 + len(OPENING) + len(BLANK))
"""Where the sha256 of every other byte of the file stands."""
LONGEST = 100_000_000
"""Bytes of a header; the limit of safetensors."""
AXES = 32
"""Of an array; the limit of NumPy 1."""
SIZE = 2**63 - 1
DTYPES: dict[str, Dtype] = {
    "F64": np.dtype(np.float64),
    "F32": np.dtype(np.float32),
    "F16": np.dtype(np.float16),
    "I64": np.dtype(np.int64),
    "U64": np.dtype(np.uint64),
    "I32": np.dtype(np.int32),
    "U32": np.dtype(np.uint32),
    "I16": np.dtype(np.int16),
    "U16": np.dtype(np.uint16),
    "I8": np.dtype(np.int8),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}
_NAMES = {dtype.name: name for name, dtype in DTYPES.items()}


class Tensor(Protocol):
    """An array, or what becomes one when NumPy reads it."""

    @property
    def dtype(self) -> Dtype: ...

    @property
    def shape(self) -> Shape: ...

    @property
    def ndim(self) -> int: ...

    @property
    def itemsize(self) -> int: ...

    @property
    def nbytes(self) -> int: ...

    def __array__(self) -> Array: ...


def written_order(arrays: Mapping[str, Tensor]) -> list[str]:
    """The names in the order of their bytes in a file."""
    return sorted(arrays, key=lambda name: (-arrays[name].itemsize, name))


def build(arrays: Mapping[str, Tensor], metadata: Mapping[str, JSON]) -> tuple[bytes, list[str]]:
    """(length and header, with zeros for the digest; names in the order of their bytes).

    Raises DtypeError for a dtype that the format lacks, ValueError for a name, TypeError for
    metadata that JSON cannot hold or that would be refused on reading.
    """
    text = json_text("metadata", dict(metadata))
    about = {"format": "rnnbp 1", "sha256": BLANK.decode(), "metadata": text}
    # Written entry by entry: a dict of all would take several times the memory of the text.
    written = bytearray(b'{"__metadata__":' + _compact(about))
    order, end = written_order(arrays), 0
    for name in order:
        array = arrays[name]
        _check_writable(name, array)
        begin, end = end, end + array.nbytes
        kind, places = _NAMES[array.dtype.name], [begin, end]
        entry = {"dtype": kind, "shape": array.shape, "data_offsets": places}
        written += b"," + _compact(name) + b":" + _compact(entry)
    written += b"}"
    written += b" " * (-len(written) % 8)
    _check_readable(text, written, end)
    return len(written).to_bytes(8, "little") + bytes(written), order


def _compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _check_writable(name: str, array: Tensor) -> None:
    if array.dtype.name not in _NAMES:
        raise DtypeError(
            f"tensor {name!r} has dtype {array.dtype}, which safetensors lacks; save it as a float"
        )
    if name == "__metadata__":
        raise ValueError("no tensor can be called '__metadata__', safetensors keeps it; rename it")
    if not name.isascii() and any("\ud800" <= c <= "\udfff" for c in name):
        raise ValueError(f"tensor {name!r} has a name that is no text; rename it")
    if array.ndim > AXES:
        raise ValueError(
            f"tensor {name!r} has {array.ndim} axes, files have at most {AXES}; reshape it"
        )


def _check_readable(metadata: str, header: bytearray, size: int) -> None:
    """Refuse to write what ``entries`` would refuse to read."""
    try:
        parse(metadata.encode(), room(8 + len(header) + size))
    except ValueError as error:
        raise TypeError(f"metadata must be JSON that can be read again; {error}") from None
    if len(header) > LONGEST:
        raise ValueError(
            f"the names and the metadata take {len(header)} bytes, at most {LONGEST} fit; save "
            "less at once"
        )
