"""What errors say of functions of the user's: their names, how they were called, and what their target lacks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rnnbp.numerics import Array, shown


def name_of(function: object) -> str:
    """The name of a function, without the address that ``repr`` shows."""
    if isinstance(function, partial):
        return name_of(function.func)
    found = getattr(function, "__qualname__", None)
    if isinstance(found, str):
        return found.rpartition("<locals>.")[2]
    text = shown(function)
    return type(function).__name__ if " at 0x" in text else text


def called_with(
    function: object, returns: str, given: Sequence[Array | None], names: Sequence[str] = ("y", "target", "mask")
) -> str:
    """What is said of an error out of a function: how it was called, and what may be wrong with that."""
    names = [*names[: len(given)]]
    arrays = [f"{n} {None if a is None else f'{a.dtype} {a.shape}'}" for n, a in zip(names, given, strict=True)]
    cure = other_axes(given[0], given[1])
    return (
        f"in the loss function {name_of(function)}, called as ({', '.join(names)}), which returns {returns}, "
        f"with read-only NumPy arrays: {', '.join(arrays)}{cure and '; '}{cure}"
    )


def other_axes(y: Array | None, target: Array | None) -> str:
    """The cure for a target that lacks the last axis of y, or has one more; "" for others."""
    if y is None or target is None:
        return ""
    if y.shape == (*target.shape, 1):
        return f"target has shape {target.shape}, without the last axis of y: give target[..., None]"
    if target.shape == (*y.shape, 1):
        return f"target has shape {target.shape}, with one axis more than y: give target[..., 0]"
    return ""
