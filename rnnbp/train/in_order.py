"""Tuples of several inputs or targets, one after the other in the order of the model's."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.inputs.given import SeriesLike
from rnnbp.numerics import Shape
from rnnbp.train.sequence_lists import lists_arrays


def are_inputs(x: object, target: object, axis: int) -> bool:
    """True for a tuple of several inputs, False for one of sequences.

    Inputs have all the same number of sequences, that of the target where this says it.

    Args:
        axis: where the sequences of an array are.
    """
    if not isinstance(x, tuple) or len(x) < 2:
        return False
    leads = [_lead(part) for part in x]
    at = [lead[axis] if len(lead) > axis else None for lead in leads]
    rows = at[0]
    if rows is None or any(n != rows for n in at):
        return False
    known = _rows_of(target, axis)
    return known is None or known == rows or known != len(x)


def in_order(given: object, rows: int, axis: int) -> dict[int, SeriesLike] | None:
    """A tuple or list of targets or masks by number; None for what is one alone.

    Args:
        rows: N of x.
        axis: where the sequences of an array are.
    """
    if not isinstance(given, tuple | list) or len(given) < 2:
        return None
    leads = [_lead(part) for part in given if part is not None]
    each = [rows in (*lead[:1], *lead[axis : axis + 1]) for lead in leads]
    if not each or not all(each) or (len(given) == rows and _alike(given)):
        return None
    return dict(enumerate(given))


def _alike(given: Sequence[object]) -> bool:
    """True for a list, and for parts of one shape: one target of each of as many sequences."""
    return isinstance(given, list) or len({_lead(part) for part in given}) == 1


def _lead(part: object) -> Shape:
    """The first axes of an array, or of a list of arrays; () of anything else."""
    shape = getattr(part, "shape", None)
    if shape is not None:
        return tuple(shape[:2])
    return (len(part), len(part)) if isinstance(part, list) and lists_arrays(part) else ()


def _rows_of(target: object, axis: int) -> int | None:
    """The number of sequences of a target; None where it does not say."""
    if isinstance(target, dict):
        target = next(iter(target.values()), None)
    lead = _lead(target)
    if lead:
        return lead[axis] if len(lead) > axis else lead[0]
    return len(target) if isinstance(target, list) else None
