"""The axes of the arguments of Sequences: (N, T, ...), whatever their order."""

from __future__ import annotations

import numpy as np

from rnnbp.numerics import ShapeError
from rnnbp.train.last import of_sequences
from rnnbp.train.rows import Data, Rows, rows
from rnnbp.train.sequence_lists import are_sequences, check_columns, list_rows, lists_arrays
from rnnbp.train.several_given import Static, named_static

TARGET = "target"
"""What ``static`` calls a target of one value for each sequence."""


def with_axes(
    name: str,
    given: object,
    axis: int,
    *,
    numbers: bool = False,
    least: int = 2,
    lists: bool = False,
    equal: bool = False,
) -> Rows:
    """An argument of Sequences as (N, T, ...), or (N, ...) if one axis is enough.

    With ``lists`` it may be a list of sequences of several lengths, each (T_k, ...); with ``equal``
    one of sequences of the same length is read so too.
    """
    listed = least == 2 and lists_arrays(given)
    if lists and least == 2 and (are_sequences(given) or (equal and lists_arrays(given))):
        return list_rows(f"Sequences: {name}", given)
    if isinstance(given, list | tuple) and not given:
        raise ValueError(f"Sequences: {name} is an empty list; give at least one sequence")
    check_columns(f"Sequences: {name}", given)
    axes = "(N, ...)" if least == 1 else "(N, T, ...)"
    axis = 0 if listed else axis  # a list of sequences, whose arrays are turned otherwise
    found = rows(f"Sequences: {name}", given, axis=axis, axes=axes, numbers=numbers)
    if found.ndim < least:
        cures = {
            "target": ", or say last=True for one of each sequence",
            "mask": ", or give lengths as lengths=",
            "x": ", or name it in static if it has one value for each sequence",
        }
        raise ShapeError(
            f"Sequences: {name} must have axes {axes}, found shape {found.shape}; add the missing "
            f"one{cures.get(name.partition('[')[0] if name != 'x' else '', '')}"
        )
    return found


def mask_with_axes(given: Data, axis: int, lead: tuple[int, int], *, lists: bool) -> Rows:
    """A mask (N, T), or weights (N,) or (N, 1) of sequences at each of their steps.

    With ``lists`` it may be a list of (T_k,).
    """
    if lists and are_sequences(given):
        return list_rows("Sequences: mask", given)
    found = rows("Sequences: mask", given, numbers=True)
    shape = found.shape
    if len(shape) == 1 or (
        len(shape) == 2 and shape[1 - axis] == 1 and shape[axis] == lead[0] and lead[1] > 1
    ):
        return of_sequences("Sequences: mask", found[0 : len(found)].reshape(-1), lead)
    return with_axes("mask", given, axis, numbers=True)


def is_of_each(target: object, lead: tuple[int, int], *, listed: bool) -> bool:
    """True for a target that has one value for each sequence, and not one for each step.

    Args:
        lead: N and T of x.
        listed: True if x is a list of sequences of several lengths.
    """
    shape = _shape(target)
    if target is None or are_sequences(target) or shape[:2] == lead:
        return False
    return listed or len(shape) == 1 or shape == (lead[0], 1)


def of_targets(static: Static, x: object, target: object) -> tuple[frozenset[str | int], Static]:
    """(the targets that ``static`` names, by output or as "target"; the inputs that it names)."""
    given = named_static("Sequences", static)
    known = {TARGET} if not isinstance(target, dict) else {*target}
    inputs = {*x} if isinstance(x, dict) else {*range(len(x))} if isinstance(x, tuple) else set()
    named = frozenset(key for key in given if key in known and key not in inputs)
    if not named:
        return named, static
    others = tuple(key for key in given if key not in named)
    return named, others if others or isinstance(x, tuple) else None


def _shape(given: object) -> tuple[int, ...]:
    """The shape of an array, or of what can become one; () for lists that cannot."""
    shape = getattr(given, "shape", None)
    if shape is not None or not isinstance(given, list | tuple):
        return tuple(shape or ())
    try:
        return np.shape(given)
    except ValueError:
        return ()
