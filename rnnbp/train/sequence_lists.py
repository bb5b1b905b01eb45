"""Lists of sequences of several lengths, as a user passes them: arrays, lists or tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np

from rnnbp.checks.arrays import REAL
from rnnbp.numerics import Array, DtypeError, ShapeError, shown
from rnnbp.train.ended_rows import ListRows
from rnnbp.train.rows import rows


def are_sequences(given: object) -> TypeGuard[Sequence[object]]:
    """True for a list of arrays, lists or tables whose numbers of steps differ."""
    if isinstance(given, np.ndarray):
        if given.dtype.kind != "O" or given.ndim != 1:
            return False
    elif not isinstance(given, list | tuple):
        return False
    steps = {_steps(item) for item in given}
    return len(steps) > 1 and None not in steps


def lists_arrays(given: object) -> TypeGuard[Sequence[object]]:
    """True for a list or tuple whose items are all arrays or tables, of any lengths."""
    if not isinstance(given, list | tuple) or not given:
        return False
    return all(len(getattr(item, "shape", ())) > 0 for item in given)


def check_axes(name: str, given: object) -> None:
    """Raise ShapeError for a list of arrays of several numbers of axes: rather several inputs."""
    axes = {len(getattr(item, "shape", ())) for item in given} if lists_arrays(given) else set()
    if len(axes) > 1 and not are_sequences(given):
        raise ShapeError(
            f"{name} is a list of arrays of {' and '.join(map(str, sorted(axes)))} axes; a list has "
            "sequences, and several inputs are a dict by name, or a tuple in order"
        )


def check_columns(name: str, given: object) -> None:
    """Raise ShapeError for tables that do not have the same columns in the same order."""
    if not isinstance(given, list | tuple) or not given or not hasattr(given[0], "columns"):
        return
    first = [*map(str, given[0].columns)]
    for k, table in enumerate(given):
        found = [*map(str, getattr(table, "columns", ()))]
        if found != first:
            raise ShapeError(
                f"{name}[{k}] has the columns {shown(found)}, {name.split()[-1]}[0] "
                f"{shown(first)}; give all the same, in one order, as table[columns]"
            )


def list_rows(name: str, given: Sequence[object]) -> ListRows:
    """A list whose items are (T_k, ...), with the same features.

    Raises ShapeError or DtypeError for items that do not fit together, ValueError for one without
    steps; each names the item.
    """
    check_columns(name, given)
    own = name.split()[-1]
    items = tuple([rows(f"{name}[{k}]", _numbers(item)) for k, item in enumerate(given)])
    for k, item in enumerate(items):
        if item.dtype.kind not in REAL:
            raise DtypeError(
                f"{name}[{k}] has dtype {item.dtype}, which are no real numbers{_cure(given[k])}"
            )
        if item.shape[1:] != items[0].shape[1:]:
            raise ShapeError(
                f"{name}[{k}] has shape {item.shape}, {own}[0] {items[0].shape}; sequences differ "
                "in axis 0 alone, their steps: give all the same features"
            )
        if not len(item):
            raise ValueError(f"{name}[{k}] has 0 steps; leave that sequence out of all arguments")
    return ListRows(items)


def check_steps(name: str, found: Array, expected: Array, of: str) -> None:
    """Raise ShapeError for sequences whose numbers of steps are not ``expected``.

    Args:
        name: of the argument, with the class of the source.
        of: the name of the argument that has the expected steps.
    """
    own = name.split()[-1]
    if len(found) != len(expected):
        raise ShapeError(
            f"{name} has {len(found)} sequences, {of} {len(expected)}; give one of each to each"
        )
    differ = np.flatnonzero(found != expected)
    if differ.size:
        k = int(differ[0])
        raise ShapeError(
            f"{name}[{k}] has {found[k]} steps, {of}[{k}] {expected[k]}; end {own}[{k}] and "
            f"{of}[{k}] alike"
        )


def _steps(item: object) -> int | None:
    """The size of axis 0 of an item; None for a number, a text or what has no axis."""
    shape = getattr(item, "shape", None)
    if shape is not None:
        return int(shape[0]) if len(shape) else None
    return len(item) if isinstance(item, list | tuple) else None


def _numbers(item: object) -> object:
    """A table as an array; anything else as it is."""
    return item.to_numpy() if hasattr(item, "columns") and hasattr(item, "to_numpy") else item


def _cure(item: object) -> str:
    """What to do about a dtype that is refused."""
    if hasattr(item, "columns"):
        return "; choose the columns that are numbers, and convert them, as table.astype('float32')"
    return "; convert it, as with np.asarray(..., 'float32')"
