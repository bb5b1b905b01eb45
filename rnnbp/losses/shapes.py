"""Shapes of what losses are given."""

from __future__ import annotations

from rnnbp.numerics import Shape, ShapeError


def require_shape(loss: object, what: str, found: Shape, expected: Shape) -> None:
    """Raise ShapeError unless two shapes are alike, of what a loss was given and expects."""
    if len(found) != len(expected):
        cure = f"{what}[..., None]" if (*found, 1) == expected else f"it shape {expected}"
        cure = f"{what}[..., 0]" if found == (*expected, 1) else cure
        raise ShapeError(
            f"{loss}: {what} must have {len(expected)} axes, found {len(found)} in shape "
            f"{found}; give {cure}"
        )
    for axis, (a, b) in enumerate(zip(found, expected, strict=True)):
        if a != b:
            raise ShapeError(
                f"{loss}: {what} axis {axis} must have size {b} as in the outputs, found {a} "
                f"in shape {found}; give it shape {expected}"
            )
