"""The rule that products of one input are one: their weights lie below each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import NEGATIVE
from rnnbp.compiler.weights import Matrix


def products(code: Code) -> Code:
    """Products that share an input are one: their weights below each other, by kind of gate."""
    groups: dict[int, list[Op]] = {}
    for op in code.ops:
        if op.name == "linear" and not op.matrix.turned:
            groups.setdefault(op.args[0], []).append(op)
    rank = _ranks(code)
    where = {
        op.out: sorted(group, key=rank)
        for group in groups.values()
        if len(group) > 1
        for op in group
    }

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        group = where.get(op.out) if op.outs else None
        if group is None:
            return None
        lanes = tuple(chain.from_iterable(member.matrix.lanes for member in group))
        rows = [sum(lane.count for lane in member.matrix.lanes) for member in group]
        whole = maker.make("linear", *op.args, attr=Matrix(lanes), shape=(sum(rows),))
        k = [member.out for member in group].index(op.out)
        at = sum(rows[:k])
        return maker.put(Op("part", (whole,), op.outs, (at, at + rows[k])))

    return code.rewrite(change)


def _ranks(code: Code) -> Callable[[Op], tuple[int, int]]:
    """The order of products: sigmoids first, then tanhs, then others; each as they were written."""
    users = code.users()
    position = {op.out: k for k, op in enumerate(code.ops) if op.outs}

    def rank(op: Op) -> tuple[int, int]:
        v = op.out
        while len(users.get(v, [])) == 1 and users[v][0].name in ("add", "sub", "bias", "scale"):
            v = users[v][0].out
        (last, *_) = [*users.get(v, []), None]
        sigmoid = last is not None and (last.name, last.attr) == ("sigmoid", NEGATIVE)
        kind = 0 if sigmoid else 1 if last is not None and last.name == "tanh" else 2
        return kind, position[v] if last is None else position.get(last.out, 0) if last.outs else 0

    return rank
