"""Vectors as kernels read them, added up anew for each run: where the parts lie is found once."""

from __future__ import annotations

from typing import TypeAlias, final

import numpy as np

from rnnbp.compiler.weights import Rows, Vector
from rnnbp.numerics import Array, Dtype
from rnnbp.runners.weights import NONE, Given, source_of, vector_of

_Places: TypeAlias = slice | list[int]
_Term: TypeAlias = tuple[Rows, _Places, _Places, Array | None]
"""(a part, the lanes that it is added to, its lanes in the parameter, the factors, (lanes, 1))."""


@final
class Adding:
    """How the lanes of a vector are added up, each in the order of its parts.

    The gates of a cell are lanes of one length, in another order than in the parameters: those of
    all gates are added by one call. Lanes of several lengths are added one by one.
    """

    def __init__(self, vector: Vector, dtype: Dtype) -> None:
        self._vector, self._dtype = vector, dtype
        lengths = {n for n, _ in vector.lanes}
        self._length = lengths.pop() if len(lengths) == 1 else 0
        """Of each lane; 0 where they differ."""
        parts = [part for _, parts in vector.lanes for part in parts]
        if not self._length or any(not self._even(part) for part in parts):
            self._length = 0
        self._terms = self._added() if self._length else []

    def _even(self, part: Rows) -> bool:
        """True if a part is a lane of its parameter."""
        size = part.owner[part.key].size
        return part.start % self._length == size % self._length == 0

    def _added(self) -> list[_Term]:
        """What is added, in order: the first parts of all lanes, then the second ones, ..."""
        found: dict[tuple[int, int, str], list[tuple[int, Rows]]] = {}
        for lane, (_, parts) in enumerate(self._vector.lanes):
            for k, part in enumerate(parts):
                found.setdefault((k, id(part.owner), part.key), []).append((lane, part))
        return [
            self._term([lane for lane, _ in those], [part for _, part in those])
            for _, those in sorted(found.items(), key=lambda each: each[0][0])
        ]

    def _term(self, lanes: list[int], parts: list[Rows]) -> _Term:
        factors = np.array([[part.factor] for part in parts], self._dtype)
        starts = [part.start // self._length for part in parts]
        scaled = None if (factors == 1).all() else factors
        return parts[0], _places(lanes), _places(starts), scaled

    def renew(self, out: Array, leaves: Given = NONE) -> None:
        """Put the vector, with parameters as they are now, into ``out`` (n,).

        Args:
            leaves: of this run.
        """
        if not self._length:
            out[...] = vector_of(self._vector, self._dtype, leaves)
            return
        out[...] = 0
        table = out.reshape(-1, self._length)
        for part, lanes, starts, factors in self._terms:
            found = source_of(part, leaves).reshape(-1, self._length)[starts]
            table[lanes] += found if factors is None else found * factors


def _places(found: list[int]) -> _Places:
    """Numbers that follow one another as a slice, which takes no copy."""
    first, many = found[0], len(found)
    return slice(first, first + many) if found == [*range(first, first + many)] else found
