"""Do the values of a loss function for some steps agree with those for their parts?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array

Given: TypeAlias = tuple[Array | None, ...]
"""What a function is called with; all have the steps as their first axis."""
TOLERANCE = 3e-4
"""The share by which numbers may differ: √eps of float32, which functions may use for any y."""
NOISE = 1e-5
"""The same of a sum, as a share of what is summed, for terms that cancel: 100 eps."""


def size_of(given: Given, dy: Array | None) -> float:
    """Roughly the sum of magnitudes behind a value."""
    if dy is None:
        return 0.0
    largest = sum(_largest(a) for a in given[:2] if a is not None and a.dtype.kind == "f")
    return sum(float(np.abs(step).sum(dtype=np.float64)) for step in dy) * largest


def _largest(array: Array) -> float:
    found = max((float(np.abs(step).max()) for step in array if step.size), default=0.0)
    return found if np.isfinite(found) else 0.0


def sums_differ(whole: float, halves: list[float], size: float, steps: int) -> str:
    """The difference of a value from the sum of its halves' values; "" for none."""
    if not differ(whole, halves, size):
        return ""
    total = sum(halves)
    left, right = halves
    added = f"{left:.4g} + {right:.4g} = {total:.4g}"
    return f"{whole:.4g} for {steps} steps, but {added} for their halves"


def differ(whole: float, parts: list[float], size: float) -> bool:
    """True if a number is not the sum of others, relative to ``size``."""
    scale = abs(whole) + sum(map(abs, parts))
    return not abs(whole - sum(parts)) <= TOLERANCE * scale + NOISE * size


def difference(what: str, whole: Array, part: Array, begin: int) -> str:
    """Where arrays differ by more than a share of the largest number; "" if nowhere."""
    limit = TOLERANCE * max(_largest(whole), _largest(part))
    for step, (a, b) in enumerate(_steps(whole, part), begin):
        bad = ~(np.abs(a - b) <= limit)
        if bad.any():
            at = tuple(np.argwhere(bad)[0].tolist())
            place = [step, *at]
            return (
                f"{what} {a[at]:.4g} at {place} among all steps, but {b[at]:.4g} among half of them"
            )
    return ""


def _steps(whole: Array, part: Array) -> Iterator[tuple[Array, Array]]:
    """Step by step, so that no array of the chunk's size is allocated."""
    check_alike(whole, part)
    return zip(whole, part, strict=True)


def check_alike(a: Array | None, b: Array | None) -> None:
    """Raise for arrays of different shapes; the run itself has a better error."""
    if a is not None and b is not None and a.shape != b.shape:
        raise ValueError("shapes differ")
