"""What to do about a target or a mask whose axes are not those of x."""

from __future__ import annotations

from typing import TypeAlias

OF_ELEMENTS = (
    "where only some elements are known, put NaN in the target in the place of the others, and "
    "give the loss as rnnbp.losses.Known(loss)"
)
"""The cure for a mask of several elements of each step."""
Axes: TypeAlias = tuple[int | str, ...]
"""A shape; T may be text where it is not known."""


def of_target(found: Axes, lead: Axes) -> str:
    """The cure for a target of shape ``found``, which is to begin with ``lead``, (T, B)."""
    if found in ((lead[1],), (1, lead[1])):
        return "for one of each sequence use Sequences(..., last=True)"
    return _of_swapped("target", found, lead) or "give a target for every step"


def of_elements(features: Axes) -> str:
    """The cure for a mask that has axes of features after those of the steps."""
    return "give mask[..., 0]" if features == (1,) else OF_ELEMENTS


def of_mask(found: Axes, lead: Axes) -> str:
    """The cure for a mask of shape ``found``, which is to be ``lead``."""
    if found[: len(lead)] == lead:
        return f"give one weight for each step; {of_elements(found[len(lead) :])}"
    return _of_swapped("mask", found, lead) or "one weight for each step"


def _of_swapped(name: str, found: Axes, lead: Axes) -> str:
    """What to do about batch-first axes; "" for others."""
    return (
        f"its first two axes are swapped: give {name}.swapaxes(0, 1)"
        if found[:2] == lead[::-1]
        else ""
    )
