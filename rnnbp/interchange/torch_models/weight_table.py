"""Which weights were read into which parameters, as a table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from rnnbp.numerics import Shape, escaped
from rnnbp.support.columns import aligned

LONGEST = 60
"""Characters of a name in the table."""
ROWS = 40
"""Rows that a repr shows."""


class WeightRow(NamedTuple):
    """One parameter.

    Attributes:
        theirs: the name that it was given under.
        shape: of both.
        dtype: the one that it was given in, as "bfloat16".
        ours: its path in the model.
    """

    theirs: str
    shape: Shape
    dtype: str
    ours: str


@dataclass(frozen=True)
class LoadedWeights:
    """What ``load_torch_weights`` returns: a row for each parameter read; its repr is a table.

    Attributes:
        rows: in the order of the model's parameters.
        missing: parameters that were not given, and stay as they were (``strict=False``).
        unread: names that were given and not read.
    """

    rows: tuple[WeightRow, ...]
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[WeightRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        lines = [
            [escaped(row.theirs, LONGEST), _by(row.shape), row.dtype, "->", row.ours]
            for row in self.rows[:ROWS]
        ]
        found = aligned(lines)
        found += [f"and {len(self.rows) - ROWS} more"] * (len(self.rows) > ROWS)
        for said, names in (("left as they were", self.missing), ("not read", self.unread)):
            found += [f"{said}: {', '.join(escaped(n, LONGEST) for n in names)}"] * bool(names)
        return "\n".join(found) or "LoadedWeights()"


def _by(shape: Shape) -> str:
    return "×".join(map(str, shape)) or "()"
