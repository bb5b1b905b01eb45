"""The items that a kernel consists of: products, reductions, lookups, groups of pointwise lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from rnnbp.compiler.short_tapes import Field
from rnnbp.compiler.storage import Buffer, Location
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.runners.llvm.operations import SLOW

SPREAD = "spread"
"""The operation that repeats one feature for all of a group's."""


@dataclass(frozen=True)
class Lane:
    """A pointwise operation on n features; ``attr`` as of Op."""

    name: str
    args: tuple[Location, ...]
    out: Location
    attr: object = None
    value: int | None = None
    """The number of its result; None where it only moves one."""


@dataclass
class Group:
    """Pointwise operations on n features each, done together for a few features at a time."""

    n: int
    lanes: list[Lane] = field(default_factory=list)
    stored: set[Location] = field(default_factory=set)
    """What must be in memory afterwards."""
    _written: dict[Buffer, set[int]] = field(default_factory=dict, init=False, repr=False)
    """By buffer, the first rows of what is written; and of all that is used."""
    _used: dict[Buffer, set[int]] = field(default_factory=dict, init=False, repr=False)
    _slow: set[Location] = field(default_factory=set, init=False, repr=False)
    """What waits for one of ``SLOW``."""

    @property
    def locations(self) -> list[Location]:
        """All of n features that it reads or makes, each once."""
        return list(
            dict.fromkeys(
                location
                for lane in self.lanes
                for location in (*(() if lane.name == SPREAD else lane.args), lane.out)
            )
        )

    @property
    def singles(self) -> list[Location]:
        """What it repeats for all features, each once."""
        return list(
            dict.fromkeys(a for lane in self.lanes if lane.name == SPREAD for a in lane.args)
        )

    def add(self, lane: Lane) -> None:
        """Put an operation after the others."""
        self.lanes.append(lane)
        if lane.name in SLOW or not self._slow.isdisjoint(lane.args):
            self._slow.add(lane.out)
        self._written.setdefault(lane.out.buffer, set()).add(lane.out.row)
        for location in (*(() if lane.name == SPREAD else lane.args), lane.out):
            self._used.setdefault(location.buffer, set()).add(location.row)

    def takes(self, lane: Lane, n: int) -> bool:
        """True if an operation may join: no write overlaps other features of what is used."""
        if n != self.n or (lane.name in SLOW and not self._slow.isdisjoint(lane.args)):
            return False
        if _overlaps(self._used, lane.out, n):
            return False
        if lane.name == SPREAD:
            # It is read once, before the loop over features: so later lanes may write there.
            return not any(
                0 <= a.row - row < n for a in lane.args for row in self._written.get(a.buffer, ())
            )
        return not any(_overlaps(self._written, a, n) for a in lane.args)


@dataclass(frozen=True)
class Product:
    """out = start + weights · arg, by panels, each from all of arg; so out is not in its place."""

    weights: Matrix
    arg: Location
    out: Location
    rows: int
    depth: int
    start: Location | Vector | None = None


@dataclass(frozen=True)
class Reduction:
    """An operation over the features of a row, of ``operations.ROWWISE``."""

    name: str
    args: tuple[Location, ...]
    outs: tuple[Location, ...]
    n: int
    attr: object


@dataclass(frozen=True)
class Lookup:
    """out = the row of a table that ``arg`` names, in place of a product with a symbol's vector."""

    arg: Location
    out: Location
    rows: int


@dataclass(frozen=True)
class ShortField:
    """A field of the tape's 16-bit row at ``tape``: rounded from ``wide``, or read ``back``."""

    wide: Location
    tape: Location
    field: Field
    back: bool


@dataclass(frozen=True)
class StepSum:
    """out, which has no axis of steps, += the n features of ``arg`` summed over a block's steps."""

    arg: Location
    out: Location
    n: int


@dataclass(frozen=True)
class OuterSum:
    """out, a matrix without an axis of steps, += Σ d vᵀ of a block's steps."""

    deltas: Location
    vector: Location
    out: Location
    rows: int
    columns: int


@dataclass(frozen=True)
class KeySum:
    """out, without an axis of steps, += the deltas of keys by additive scores of a block's steps."""

    keys: Location
    query: Location
    deltas: Location
    out: Location
    vector: Vector
    lines: int


AfterLoop: TypeAlias = StepSum | OuterSum | KeySum
"""An item that takes all steps of a block, once they are there."""
Item: TypeAlias = Group | Product | Reduction | Lookup | ShortField | AfterLoop


def flops_of(item: Item) -> int:
    """Floating-point operations of a product, for a step of one sequence; 0 of others."""
    if isinstance(item, Product):
        return 2 * item.rows * item.depth
    if isinstance(item, OuterSum):
        return 2 * item.rows * item.columns
    if isinstance(item, Reduction) and item.name in ("matvec", "vecmat"):
        return 2 * item.n
    return 0


def _overlaps(rows: Mapping[Buffer, set[int]], location: Location, n: int) -> bool:
    """Whether n features overlap some that begin at other rows of their buffer."""
    return any(0 < abs(row - location.row) < n for row in rows.get(location.buffer, ()))
