"""Operations in the order of their kernels: products, reductions, and runs of pointwise operations
that become one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

from rnnbp.compiler.code import Code, Op
from rnnbp.compiler.operations import GRADIENTS, VIEWS
from rnnbp.compiler.storage import Buffer, Location, Storage
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.runners.llvm.operands import Operands
from rnnbp.runners.llvm.operations import POINTWISE, ROWWISE, SLOW


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
        """All that it reads or makes, each once."""
        return list(
            dict.fromkeys(location for lane in self.lanes for location in (*lane.args, lane.out))
        )

    def add(self, lane: Lane) -> None:
        """Put an operation after the others."""
        self.lanes.append(lane)
        if lane.name in SLOW or not self._slow.isdisjoint(lane.args):
            self._slow.add(lane.out)
        self._written.setdefault(lane.out.buffer, set()).add(lane.out.row)
        for location in (*lane.args, lane.out):
            self._used.setdefault(location.buffer, set()).add(location.row)

    def takes(self, lane: Lane, n: int) -> bool:
        """Whether an operation may join: nothing that is written overlaps other features of what is
        used.
        """
        if n != self.n or (lane.name in SLOW and not self._slow.isdisjoint(lane.args)):
            return False
        return not _overlaps(self._used, lane.out, n) and not any(
            _overlaps(self._written, a, n) for a in lane.args
        )


@dataclass(frozen=True)
class Product:
    """out = start + weights · arg; out is made panel by panel, each from all of arg, and so not in
    its place.
    """

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
    """out = the row of a table that ``arg`` names, in place of a product with the vector of a
    symbol.
    """

    arg: Location
    out: Location
    rows: int


Item: TypeAlias = Group | Product | Reduction | Lookup


def _overlaps(rows: Mapping[Buffer, set[int]], location: Location, n: int) -> bool:
    """Whether n features overlap some that begin at other rows of their buffer."""
    return any(0 < abs(row - location.row) < n for row in rows.get(location.buffer, ()))


def sums_of(
    code: Code, storage: Storage, phases: Mapping[int, str], looked_up: int | None = None
) -> dict[int, Op]:
    """By the result of a product, the sum that alone takes it, if that comes next: they become one
    item.

    Asked of a whole code: functions that run parts of it must round alike.

    Args:
        looked_up: the value whose product is looked up in a table, and so starts from no other
            value.
    """
    found, users, taken, rows = (
        dict[int, Op](),
        code.users(),
        {*code.outputs, *storage.kept},
        code.values.rows,
    )
    ops = [op for op in storage.order if op.name not in VIEWS | GRADIENTS]
    for op, after in pairwise(ops):
        together = op.name == "linear" and phases[id(op)] == phases[id(after)]
        if not together or users.get(op.out, []) != [after] or op.out in taken:
            continue
        adds = after.name == "add" and after.args.count(op.out) == 1 and op.args[0] != looked_up
        if not adds and after.name != "bias":
            continue
        if not _meet(
            storage.location(op.args[0]),
            rows(op.args[0]),
            storage.location(after.out),
            rows(op.out),
        ):
            found[op.out] = after
    return found


def _meet(a: Location, n: int, b: Location, m: int) -> bool:
    """Whether n features and m others share memory."""
    return a.buffer is b.buffer and a.row < b.row + m and b.row < a.row + n


def arranged(
    code: Code,
    storage: Storage,
    operands: Operands,
    ops: Iterable[Op],
    sums: Mapping[int, Op],
    moves: Iterable[tuple[Location, Location | None]] = (),
) -> list[Item]:
    """The items of a phase's operations; at their end, locations are filled from others, or with
    zeros (None).

    Args:
        sums: of products, as ``sums_of`` gives them.
    """
    return _Arranger(code, storage, operands, sums).run(
        [op for op in ops if op.name not in VIEWS], list(moves)
    )


class _Arranger:
    def __init__(
        self, code: Code, storage: Storage, operands: Operands, sums: Mapping[int, Op]
    ) -> None:
        self.code, self.storage, self.operands, self.sums = code, storage, operands, sums
        self.items: list[Item] = []
        self.users = code.users()
        self.ends = {v for v in code.outputs if v is not None}

    def run(
        self, ops: Sequence[Op], moves: Sequence[tuple[Location, Location | None]]
    ) -> list[Item]:
        skipped: set[int] = set()
        for k, op in enumerate(ops):
            if k in skipped:
                continue
            if op.name == "linear":
                after = ops[k + 1] if k + 1 < len(ops) else None
                skipped |= {k + 1} if self._product(op, after) else set()
            elif op.name in ROWWISE:
                self._reduction(op)
            elif op.name == "concat":
                self._concat(op)
            elif op.name not in GRADIENTS:
                assert op.name in POINTWISE, op.name
                args = tuple(map(self.operands.of, op.args))
                self._lane(
                    Lane(op.name, args, self.operands.of(op.out), op.attr, op.out),
                    self._rows(op.out),
                )
        for at, source in moves:
            args = () if source is None else (source,)
            self._lane(Lane("copy" if args else "zeros", args, at), at.buffer.rows)
        self._mark(ops)
        return self.items

    def _rows(self, v: int) -> int:
        return self.code.values.rows(v)

    def _lane(self, lane: Lane, n: int) -> None:
        last = self.items[-1] if self.items else None
        if not isinstance(last, Group) or not last.takes(lane, n):
            last = Group(n)
            self.items.append(last)
        last.add(lane)

    def _product(self, op: Op, after: Op | None) -> bool:
        """A product, with the sum that takes it alone, if there is one; whether there is."""
        rows, depth, arg = self._rows(op.out), self._rows(op.args[0]), self.operands.of(op.args[0])
        if after is None or self.sums.get(op.out) is not after:
            self.items.append(Product(op.matrix, arg, self.operands.of(op.out), rows, depth))
            return False
        (other,) = (v for v in after.args if v != op.out) if after.name == "add" else (None,)
        start = after.vector if other is None else self.operands.of(other)
        self.items.append(Product(op.matrix, arg, self.operands.of(after.out), rows, depth, start))
        return True

    def _reduction(self, op: Op) -> None:
        args, outs = (tuple(map(self.operands.of, values)) for values in (op.args, op.outs))
        self.items.append(Reduction(op.name, args, outs, self._rows(op.args[0]), op.attr))

    def _concat(self, op: Op) -> None:
        if op.out in self.storage.gathered:
            return
        whole, row = self.operands.of(op.out), 0
        for v in op.args:
            if v in self.storage.copies.get(op.out, ()):
                out = Location(whole.buffer, whole.row + row)
                self._lane(Lane("copy", (self.operands.of(v),), out), self._rows(v))
            row += self._rows(v)

    def _mark(self, ops: Sequence[Op]) -> None:
        """What each group must leave in memory: all but what its own operations alone take."""
        for item in self.items:
            if isinstance(item, Group):
                own = {lane.value for lane in item.lanes}
                last = {lane.out: lane for lane in item.lanes}
                item.stored = {
                    location for location, lane in last.items() if self._needed(lane.value, own)
                }

    def _needed(self, value: int | None, own: set[int | None]) -> bool:
        if value is None or value in self.ends or value in self.storage.kept:
            return True
        users = self.users.get(value, [])
        return any(user.name not in POINTWISE or user.out not in own for user in users)
