"""How a cell of the library was built, so that others can say what it is without its graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Option: TypeAlias = bool | float | str | None


@dataclass(frozen=True)
class Made:
    """The function that built a cell, and those of its options that its graph follows from.

    Rates of dropout and zoneout are not among them: they are those of the layers, where they may
    be set anew.

    Attributes:
        kind: the name of the function, as "LSTM".
        n_in, n: features of x, and units.
        options: by name, those at their defaults too.
    """

    kind: str
    n_in: int
    n: int
    options: Mapping[str, Option]
