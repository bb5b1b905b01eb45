"""What an index of a symbolic value adds to its graph: ``v[3:7]`` are features."""

from __future__ import annotations

import numpy as np

from rnnbp.layers.base import Given
from rnnbp.layers.slice import Slice
from rnnbp.numerics import Shape
from rnnbp.wording.unsupported import PART

STRIDED = (
    "features are taken in order, one after the other: for others Concat slices, as "
    "Concat(1, 1)(a[0:1], a[2:3])"
)


def sliced(value: object, shape: Shape | None, key: object) -> Given:
    """Features of a value (n,), for a slice, or for an integer one feature (1,).

    Raises TypeError for other indices, IndexError for a feature that is not there.
    """
    if isinstance(key, tuple) and len(key) == 2 and key[0] is Ellipsis:
        key = key[1]
    if key is Ellipsis:
        return value
    if isinstance(key, bool) or not isinstance(key, int | np.integer | slice):
        raise TypeError(f"{value!r}[...]: an index is a slice or an integer; {PART}")
    if shape is None or len(shape) != 1:
        raise TypeError(
            f"{value!r}[...]: only features (n,) of a known n are sliced; put a Reshape before, or "
            "say the shape, as Input(n)"
        )
    (n,) = shape
    start, stop = _range(value, n, key) if isinstance(key, slice) else _place(value, n, int(key))
    return value if (start, stop) == (0, n) else Slice(n, start, stop)(value)


def _range(value: object, n: int, key: slice) -> tuple[int, int]:
    """First and last + 1 of a slice, cut off at the ends as those of lists."""
    if key.step not in (None, 1):
        raise TypeError(f"{value!r}[::{key.step}]: {STRIDED}")
    start, stop, _ = key.indices(n)
    if start >= stop:
        raise IndexError(f"{value!r}[{start}:{stop}] has no features")
    return start, stop


def _place(value: object, n: int, k: int) -> tuple[int, int]:
    """One feature; negative ones count from the end."""
    if not -n <= k < n:
        raise IndexError(f"{value!r}[{k}]: there are features 0 to {n - 1}")
    return k % n, k % n + 1
