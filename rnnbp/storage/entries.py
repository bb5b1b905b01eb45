"""The header of a file of tensors, compared with the size of its file before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rnnbp.numerics import Dtype, Shape, escaped, shown
from rnnbp.storage.errors import JSON
from rnnbp.storage.header import AXES, DTYPES, SIZE
from rnnbp.storage.strict import parse

BFLOAT16 = np.dtype("V2")
"""Two bytes, the upper ones of a float32; NumPy lacks it, and ``build`` does not write it."""


class Entry(NamedTuple):
    """A tensor as the header describes it; its bytes are [begin, end) after the header."""

    name: str
    dtype: Dtype
    shape: Shape
    begin: int
    end: int


def entries(header: bytes, most: int) -> tuple[list[Entry], dict[str, JSON]]:
    """(tensors in the order of their bytes, metadata) of a header after its length.

    Raises ValueError if ``build`` would not make it, or it would take more than ``most`` bytes of
    memory.
    """
    found = _parsed(header, most)
    metadata = _metadata(found.pop("__metadata__", None), most)
    return _listed(found, DTYPES), metadata


def foreign_entries(header: bytes, most: int) -> tuple[list[Entry], dict[str, JSON]]:
    """As ``entries``, for a file of another library: metadata, if any, are texts by name.

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
    return _listed(found, {**DTYPES, "BF16": BFLOAT16}), metadata


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
