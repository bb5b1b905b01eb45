"""The header of a file of tensors: written here, and compared with the size of its file before
anything is built.

A file is 8 bytes of header length, the header, which is JSON padded with spaces to a multiple of 8,
and the arrays in C order, little-endian, widest dtypes first, without gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnbp.numerics import Array, Dtype, DtypeError, Shape, escaped, shown
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
_DTYPES: dict[str, Dtype] = {
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
BFLOAT16 = np.dtype("V2")
"""Two bytes, the upper ones of a float32; NumPy lacks it, and ``build`` does not write it."""
_NAMES = {dtype.name: name for name, dtype in _DTYPES.items()}


class Entry(NamedTuple):
    """A tensor as the header describes it; its bytes are [begin, end) after the header."""

    name: str
    dtype: Dtype
    shape: Shape
    begin: int
    end: int


def build(arrays: Mapping[str, Array], metadata: Mapping[str, JSON]) -> tuple[bytes, list[str]]:
    """The length and the header, with zeros for the digest; and the names in the order of the
    arrays' bytes.

    Raises DtypeError for a dtype that the format lacks, ValueError for a name, TypeError for
    metadata that JSON cannot hold or that would be refused on reading.
    """
    text = json_text("metadata", dict(metadata))
    header: dict[str, object] = {
        "__metadata__": {"format": "rnnbp 1", "sha256": BLANK.decode(), "metadata": text},
    }
    order, end = sorted(arrays, key=lambda name: (-arrays[name].itemsize, name)), 0
    for name in order:
        array = arrays[name]
        _check_writable(name, array)
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": [begin, end],
        }
    written = json.dumps(header, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)
    _check_readable(text, written, end)
    return len(written).to_bytes(8, "little") + written, order


def entries(header: bytes, most: int) -> tuple[list[Entry], dict[str, JSON]]:
    """The tensors in the order of their bytes, without gaps, and the metadata, of a header after
    its length.

    Raises ValueError if ``build`` would not make it, or it would take more than ``most`` bytes of
    memory.
    """
    found = _parsed(header, most)
    metadata = _metadata(found.pop("__metadata__", None), most)
    return _listed(found, _DTYPES), metadata


def foreign_entries(header: bytes, most: int) -> tuple[list[Entry], dict[str, JSON]]:
    """As ``entries``, for a safetensors file of a different library: metadata, if any, are texts by
    name.

    Raises ValueError, also for metadata that look like ours after damage.
    """
    found = _parsed(header, most)
    metadata = found.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(
        isinstance(text, str) for text in metadata.values()
    ):
        raise ValueError(f"its __metadata__ must be texts by name, found {shown(metadata)}")
    if not {"sha256", "metadata"}.isdisjoint(metadata) or "rnnbp" in str(metadata.get("format")):
        raise ValueError("its __metadata__ is in part that of a file of rnnbp, as after damage")
    return _listed(found, {**_DTYPES, "BF16": BFLOAT16}), metadata


def _parsed(header: bytes, most: int) -> dict[str, JSON]:
    found = parse(header, most)
    if not isinstance(found, dict):
        raise ValueError("its header is no dict")
    return found


def _listed(found: Mapping[str, JSON], dtypes: Mapping[str, Dtype]) -> list[Entry]:
    """The tensors in the order of their bytes. Raises ValueError if there are gaps."""
    result = sorted(
        (_entry(name, value, dtypes) for name, value in found.items()), key=lambda entry: entry[3:]
    )
    end = 0
    for entry in result:
        if entry.begin != end:
            raise ValueError(
                f"tensor {escaped(entry.name, 80)} begins at {entry.begin}, that before it ends at "
                f"{end}"
            )
        end = entry.end
    return result


def _check_writable(name: str, array: Array) -> None:
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


def _check_readable(metadata: str, header: bytes, size: int) -> None:
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


def _metadata(found: JSON, most: int) -> dict[str, JSON]:
    if not isinstance(found, dict) or list(found) != ["format", "sha256", "metadata"]:
        raise ValueError("its __metadata__ is not that of a file of rnnbp")
    text = found["metadata"]
    if not isinstance(text, str):
        raise ValueError(f"its metadata must be a text, found {shown(text)}")
    values = parse(text.encode(errors="surrogatepass"), most)
    if not isinstance(values, dict):
        raise ValueError("its metadata are no dict")
    return values


def _entry(name: str, found: JSON, dtypes: Mapping[str, Dtype]) -> Entry:
    """A tensor of the header. Raises ValueError unless it is possible."""
    place = f"tensor {escaped(name, 80)}"
    if not isinstance(found, dict) or found.keys() != {"dtype", "shape", "data_offsets"}:
        raise ValueError(
            f"{place} must have a dtype, a shape and data_offsets, found {shown(found)}"
        )
    kind, shape, place_of = found["dtype"], found["shape"], found["data_offsets"]
    if not isinstance(kind, str) or kind not in dtypes:
        raise ValueError(f"{place} has dtype {shown(kind)}, expected one of {', '.join(dtypes)}")
    sizes, offsets = (
        _wholes(f"{place}: its shape", shape),
        _wholes(f"{place}: data_offsets", place_of),
    )
    if len(sizes) > AXES or len(offsets) != 2:
        raise ValueError(
            f"{place} has {len(sizes)} axes, at most {AXES} can be, and {len(offsets)} offsets of 2"
        )
    dtype = dtypes[kind]
    if math.prod(n for n in sizes if n) * dtype.itemsize > SIZE:
        raise ValueError(f"{place} has a shape that no array can have: {shown(shape)}")
    if math.prod(sizes) * dtype.itemsize != offsets[1] - offsets[0]:
        raise ValueError(
            f"{place} of {kind} and shape {shown(shape)} cannot have the offsets {offsets}"
        )
    return Entry(name, dtype, tuple(sizes), *offsets)


def _wholes(what: str, found: JSON) -> list[int]:
    if not isinstance(found, list):
        raise ValueError(f"{what} must be a list, found {shown(found)}")
    sizes = [n for n in found if isinstance(n, int) and not isinstance(n, bool) and 0 <= n <= SIZE]
    if len(sizes) < len(found):
        raise ValueError(f"{what} must be whole numbers from 0, found {shown(found)}")
    return sizes
