"""Weights and vectors as operations take them: rows of parameters, put together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

from rnnbp.numerics import Array

Identity: TypeAlias = tuple[object, ...]
"""Hashable, and equal for what is equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows ``start`` to ``stop`` − 1 of a parameter, times ``factor``."""

    owner: dict[str, Array]
    key: str
    start: int
    stop: int
    factor: float = 1.0

    def __repr__(self) -> str:
        return f"{self.key}[{self.start}:{self.stop}]" + (
            f"*{self.factor:g}" if self.factor != 1 else ""
        )

    @property
    def count(self) -> int:
        return self.stop - self.start

    def cut(self, start: int, stop: int) -> Rows:
        """Some of them."""
        return replace(self, start=self.start + start, stop=self.start + stop)

    @property
    def identity(self) -> Identity:
        """Equal for equal rows."""
        return id(self.owner), self.key, self.start, self.stop, self.factor


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    """Rows of weights, one lane below the other; ``turned`` for the transpose of it all."""

    lanes: tuple[Rows, ...]
    turned: bool = False

    @property
    def identity(self) -> Identity:
        return (*(lane.identity for lane in self.lanes), self.turned)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = (
            sum(lane.count for lane in self.lanes),
            self.lanes[0].owner[self.lanes[0].key].shape[1],
        )
        return (columns, rows) if self.turned else (rows, columns)

    @property
    def nbytes(self) -> int:
        """Bytes of a packed copy."""
        return sum(
            lane.count * lane.owner[lane.key].nbytes // len(lane.owner[lane.key])
            for lane in self.lanes
        )

    def cut(self, start: int, stop: int) -> Matrix:
        """Rows ``start`` to ``stop`` − 1 of the stack, not of its transpose."""
        lanes, at = [], 0
        for lane in self.lanes:
            a, b = max(start, at), min(stop, at + lane.count)
            if a < b:
                lanes.append(lane.cut(a - at, b - at))
            at += lane.count
        return Matrix(tuple(lanes))


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """For each lane, of this many elements, a sum of rows of vectors; of none, zeros."""

    lanes: tuple[tuple[int, tuple[Rows, ...]], ...]

    @property
    def count(self) -> int:
        return sum(n for n, _ in self.lanes)

    @property
    def identity(self) -> Identity:
        return tuple([(n, *(part.identity for part in parts)) for n, parts in self.lanes])

    def cut(self, start: int, stop: int) -> Vector:
        """Elements ``start`` to ``stop`` − 1."""
        lanes: list[tuple[int, tuple[Rows, ...]]] = []
        at = 0
        for n, rows in self.lanes:
            a, b = max(start, at), min(stop, at + n)
            if a < b:
                lanes.append((b - a, tuple(r.cut(a - at, b - at) for r in rows)))
            at += n
        return Vector(tuple(lanes))


def identity_of(attr: object) -> object:
    """What tells attributes apart: equal weights are equal though they are two objects."""
    return attr.identity if isinstance(attr, Matrix | Vector) else attr
