"""Parameters that share memory without being one array, which a file could not keep."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import Array, address

WORK = 1_000_000
"""Candidates that NumPy tries to decide whether two strided arrays meet."""


def check_apart(place: str, params: Mapping[str, Array]) -> None:
    """Raise ValueError for two parameters that share memory, as a weight and its transpose."""
    last, end = "", 0
    for start, stop, name in sorted((*_bounds(array), name) for name, array in params.items()):
        if start < end and _meet(params[last], params[name]):
            raise ValueError(
                f"{place}: {last} and {name} share memory and are not one array, which a file "
                "cannot keep; copy one of them, or let both layers have the same array"
            )
        if stop > end:
            last, end = name, stop


def _meet(a: Array, b: Array) -> bool:
    try:
        # Its stub knows of no numbers but two.
        return np.shares_memory(a, b, max_work=WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def _bounds(array: Array) -> tuple[int, int]:
    """The addresses of its first byte, and past its last."""
    spans = [(n - 1) * stride for n, stride in zip(array.shape, array.strides, strict=True)]
    start = address(array)
    low, high = sum(min(0, span) for span in spans), sum(max(0, span) for span in spans)
    return start + low, start + high + array.itemsize if array.size else start
