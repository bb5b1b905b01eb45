"""Tables that are no series of numbers: which columns have text, which index has instances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeGuard

import numpy as np

from rnnbp.numerics import shown

TEXT = "OSUTMmV"
"""Kinds of dtypes that may hold text, dates or objects; those of pandas' own have none."""


class Table(Protocol):
    """A DataFrame, of pandas or of a library like it."""

    @property
    def columns(self) -> Iterable[object]: ...

    def __getitem__(self, name: object, /) -> Sequence[object]: ...


def is_table(given: object) -> TypeGuard[Table]:
    """True for a DataFrame. None of the libraries that have them is imported."""
    return hasattr(given, "columns") and hasattr(given, "__getitem__")


def names_of(table: object) -> list[str] | None:
    """The names of the columns, or None unless all are text."""
    every = list(table.columns) if is_table(table) else []
    names = [name for name in every if isinstance(name, str)]
    return names if names and len(names) == len(every) else None


def check_numbers(what: str, table: Table) -> None:
    """Raise ValueError for a table with columns that are no numbers, or of nested series."""
    if getattr(getattr(table, "index", None), "nlevels", 1) > 1:
        raise ValueError(
            f"{what} is a table with an index of several levels; give a list with a table for each "
            "series: [part for _, part in X.groupby(level=0)]"
        )
    text = []
    for name in table.columns:
        values = np.asarray(table[name])
        if values.dtype.kind == "O" and any(np.ndim(cell) for cell in values[:1]):
            raise ValueError(
                f"{what}: the column {name!r} has a series in each cell; give an array "
                "(n, T, features), or a list with a table of numbers for each series"
            )
        if values.dtype.kind in TEXT and not _can_be_numbers(values):
            text.append(name)
    if text:
        raise ValueError(
            f"{what}: the columns {shown(text)} are not numbers; leave them out, or encode them, "
            "as by sklearn.preprocessing.OneHotEncoder"
        )


def _can_be_numbers(values: np.ndarray) -> bool:
    if values.dtype.kind in "Mm":
        return False
    try:
        values.astype(np.float64)
    except (TypeError, ValueError):
        return False
    return True
