"""The axes of the arguments of Sequences: (N, T, ...), whatever their order."""

from __future__ import annotations

from rnnbp.numerics import ShapeError
from rnnbp.train.last import of_sequences
from rnnbp.train.rows import Data, Rows, rows


def with_axes(
    name: str, given: object, axis: int, *, numbers: bool = False, least: int = 2
) -> Rows:
    """An argument of Sequences as (N, T, ...), or (N, ...) if one axis is enough."""
    axes = "(N, ...)" if least == 1 else "(N, T, ...)"
    found = rows(f"Sequences: {name}", given, axis=axis, axes=axes, numbers=numbers)
    if found.ndim < least:
        cures = {
            "target": ", or say last=True for one of each sequence",
            "mask": ", or give lengths as lengths=",
        }
        raise ShapeError(
            f"Sequences: {name} must have axes {axes}, found shape {found.shape}; add the missing "
            f"one{cures.get(name, '')}"
        )
    return found


def mask_with_axes(given: Data, axis: int, lead: tuple[int, int]) -> Rows:
    """A mask (N, T), or weights (N,) or (N, 1) of sequences at each of their steps."""
    found = rows("Sequences: mask", given, numbers=True)
    shape = found.shape
    if len(shape) == 1 or (
        len(shape) == 2 and shape[1 - axis] == 1 and shape[axis] == lead[0] and lead[1] > 1
    ):
        return of_sequences("Sequences: mask", found[0 : len(found)].reshape(-1), lead)
    return with_axes("mask", given, axis, numbers=True)
