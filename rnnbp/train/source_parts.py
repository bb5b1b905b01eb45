"""The parts of this library's sources, so that errors can say which of them differ."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np

from rnnbp.checks.mapped import check_there
from rnnbp.numerics import escaped
from rnnbp.train.data import Sequences
from rnnbp.train.digests import sampled
from rnnbp.train.examples import Examples
from rnnbp.train.rows import Rows
from rnnbp.train.several_rows import arrays_of
from rnnbp.train.source import Source
from rnnbp.train.windows import Windows


def parts_of(source: Source) -> dict[str, str]:
    """Settings and arrays of a source of ours as short texts by name; empty for others."""
    names: tuple[str, ...]
    arrays: dict[str, list[Rows | None]]
    if isinstance(source, Sequences):
        names = ("batch_size", "last", "shuffle", "seed")
        arrays = {"x": [*arrays_of(source.x)]}
        arrays["target"] = [one.target for one in source.targets]
        arrays["mask"] = [one.mask for one in source.targets]
        if source.lengths is not None:
            names = (*names, "by_length")
            arrays |= {"lengths": [axis.lengths for axis in source.axes]}
    elif isinstance(source, Examples):
        names = ("batch_size", "shuffle", "seed")
        arrays = {"x": [*arrays_of(source.x)], "target": [source.target]}
    elif isinstance(source, Windows):
        names = ("horizon", "batch_size", "warm_up", *["join"] * source.join)
        found = source.recordings
        arrays = {
            "x": [part for one in found for part in arrays_of(one.x)],
            "target": [one.target for one in found],
            "mask": [one.mask for one in found],
        }
        arrays |= {"reset": [*source.resets]} if source.resets else {}
    else:
        return {}
    settings = {name: str(getattr(source, name)) for name in names}
    return settings | {name: _text(several) for name, several in arrays.items()}


def differing(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """The differing parts of two sources, as "batch_size was 4, is 5; x differs"; "" if unknown."""
    if then.keys() != now.keys():
        return ""
    found = []
    for name, text in now.items():
        before, after = (each.partition("; ")[0] for each in (then[name], text))
        if before != after:
            found.append(f"{name} was {escaped(before, 80)}, is {after}")
        elif then[name] != text:
            found.append(f"{name} has other values")
    return "; ".join(found)


def _text(arrays: list[Rows | None]) -> str:
    """Dtype and shape, and a checksum of the values that a digest covers."""
    crc = 0
    for array in arrays:
        for block in () if array is None else sampled(array):
            check_there(block)
            crc = zlib.crc32(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data, crc)
    kinds = ["None" if array is None else f"{array.dtype}{array.shape}" for array in arrays]
    what = kinds[0] if len(kinds) == 1 else f"{len(kinds)} arrays, the first {kinds[0]}"
    return f"{what}; {zlib.crc32(' '.join(kinds).encode(), crc):08x}"
