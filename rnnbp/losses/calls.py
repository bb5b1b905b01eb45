"""What errors say of a user's loss function: how it was called, and what may be wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.checks.functions import name_of
from rnnbp.numerics import Array
from rnnbp.support.tracebacks import CALLED_AS


def called_with(
    function: object,
    returns: str,
    given: Sequence[Array | None],
    names: Sequence[str] = ("y", "target", "mask"),
) -> str:
    """The note on an exception out of a function: how it was called, and what may be wrong."""
    names = [*names[: len(given)]]
    arrays = [
        f"{n} {None if a is None else f'{a.dtype} {a.shape}'}"
        for n, a in zip(names, given, strict=True)
    ]
    cure = other_axes(given[0], given[1])
    return (
        f"in the loss function {name_of(function)}, {CALLED_AS}{', '.join(names)}), which returns "
        f"{returns}, with read-only NumPy arrays: {', '.join(arrays)}{cure and '; '}{cure}"
    )


def other_axes(y: Array | None, target: Array | None) -> str:
    """The cure for a target that lacks the last axis of y, or has one too many; "" for others."""
    if y is None or target is None:
        return ""
    if y.shape == (*target.shape, 1):
        return (
            f"target has shape {target.shape}, without the last axis of y: give target[..., None]"
        )
    if target.shape == (*y.shape, 1):
        return f"target has shape {target.shape}, with one axis more than y: give target[..., 0]"
    return ""
