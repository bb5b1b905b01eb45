"""The features of an array against those that a layer expects."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.numerics.aliases import Array, Shape
from rnnbp.numerics.errors import ShapeError


def require_features(layer: object, x: Array, expected: Shape, what: str = "input") -> None:
    """Raise ShapeError unless the last axes of ``x`` are ``expected``; the others are batch."""
    n = len(expected)
    found = x.shape[x.ndim - n :] if x.ndim >= n else x.shape
    if found != expected:
        raise ShapeError(mismatch(layer, expected, x.shape, what))


def mismatch(layer: object, expected: Shape, found: Sequence[int], what: str = "input") -> str:
    """The error for features that do not fit; names the first axis from the end that differs."""
    n = len(expected)
    if len(found) < n:
        return (
            f"{layer}: {what} needs at least {n} feature axes {expected}, found shape "
            f"{tuple(found)}; give it shape (..., {', '.join(map(str, expected))})"
        )
    axis = next((-k for k in range(1, n + 1) if found[-k] != expected[-k]), None)
    if axis is None:
        return (
            f"{layer}: {what} must have feature shape {expected}, found {tuple(found)}, "
            f"{len(found) - n} axes more; leave them to the batch, or put a Reshape before it"
        )
    return (
        f"{layer}: {what} axis {axis} must have size {expected[axis]}, found {found[axis]} "
        f"in shape {tuple(found)}; give it shape (..., {', '.join(map(str, expected))}), "
        f"or build the layer for the size found"
    )


def broadcast(shapes: Sequence[Shape]) -> Shape | None:
    """The one shape of values whose last axes are equal or 1; None if there is none."""
    if len(set(shapes)) == 1:
        return shapes[0]
    if () in shapes:
        return None
    last = max(shape[-1] for shape in shapes)
    found = {(*shape[:-1], last) for shape in shapes}
    fits = len(found) == 1 and all(shape[-1] in (1, last) for shape in shapes)
    return found.pop() if fits else None
