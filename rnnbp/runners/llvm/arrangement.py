"""Arranges the operations of a phase into items: products with their sums, reductions, groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import ALL_STEPS, VIEWS
from rnnbp.compiler.storage import Location, Storage
from rnnbp.runners.llvm.groups import Group, Item, Lane, Product, Reduction
from rnnbp.runners.llvm.operands import Operands
from rnnbp.runners.llvm.operations import POINTWISE, ROWWISE

Move: TypeAlias = tuple[Location, Location | None]
"""A location, and that from which it is filled; None for zeros."""


def arranged(
    code: Code,
    storage: Storage,
    operands: Operands,
    ops: Iterable[Op],
    sums: Mapping[int, Op],
    moves: Iterable[Move] = (),
) -> list[Item]:
    """The items of a phase's operations.

    Args:
        sums: of products, as ``product_sums.sums_of`` returns them.
        moves: locations to fill at the end.
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
        self.users, self.ends = code.users(), {v for v in code.outputs if v is not None}

    def run(self, ops: Sequence[Op], moves: Sequence[Move]) -> list[Item]:
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
            elif op.name not in ALL_STEPS:
                self._pointwise(op)
        for at, source in moves:
            args = () if source is None else (source,)
            self._lane(Lane("copy" if args else "zeros", args, at), at.buffer.rows)
        self._mark(ops)
        return self.items

    def _pointwise(self, op: Op) -> None:
        assert op.name in POINTWISE, op.name
        args, out = tuple(map(self.operands.of, op.args)), self.operands.of(op.out)
        self._lane(Lane(op.name, args, out, op.attr, op.out), self._rows(op.out))

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
        whole, row, copied = self.operands.of(op.out), 0, self.storage.copies.get(op.out, ())
        for v in op.args:
            if v in copied:
                out = Location(whole.buffer, whole.row + row)
                self._lane(Lane("copy", (self.operands.of(v),), out), self._rows(v))
            row += self._rows(v)

    def _mark(self, ops: Sequence[Op]) -> None:
        """What each group must leave in memory: all but what its own operations alone take."""
        for item in self.items:
            if isinstance(item, Group):
                own = {lane.value for lane in item.lanes}
                last = {lane.out: lane for lane in item.lanes}
                item.stored = {at for at, lane in last.items() if self._needed(lane.value, own)}

    def _needed(self, value: int | None, own: set[int | None]) -> bool:
        if value is None or value in self.ends or value in self.storage.kept:
            return True
        users = self.users.get(value, [])
        return any(user.name not in POINTWISE or user.out not in own for user in users)
