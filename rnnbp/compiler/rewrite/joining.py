"""The rule that like operations on neighbouring rows are one operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import IN_PLACE
from rnnbp.compiler.weights import Vector


def bases(*codes: Code) -> dict[int, tuple[int, int]]:
    """By value that is rows of another: the base value, and the row where it begins."""
    found: dict[int, tuple[int, int]] = {}
    for code in codes:
        for op in code.ops:
            if op.name == "part":
                base, at = found.get(op.args[0], (op.args[0], 0))
                found[op.out] = base, at + op.rows[0]
    return found


SUMS = frozenset({"add", "bias"})
JOINED = IN_PLACE


def joined(code: Code, before: Sequence[Code] = (), names: frozenset[str] = JOINED) -> Code:
    """Like operations on neighbouring lanes are one operation on all of them."""
    while True:
        found = _join_once(code, bases(*before, code), names)
        if found is None:
            return code
        code = found


def _join_once(code: Code, where: dict[int, tuple[int, int]], names: frozenset[str]) -> Code | None:
    groups: dict[tuple[object, ...], list[Op]] = {}
    for op in code.ops:
        if op.name in names and all(v in where for v in op.args):
            bases = tuple(where[v][0] for v in op.args)
            attr = None if isinstance(op.attr, Vector) else op.attr
            groups.setdefault((op.name, attr, bases), []).append(op)
    for group in groups.values():
        group.sort(key=lambda op: [where[v][1] for v in op.args])
        for chosen in _neighbours(group, code, where):
            found = _join(chosen, code, where).ordered()
            if found is not None:
                return found
    return None


def _neighbours(group: list[Op], code: Code, where: dict[int, tuple[int, int]]) -> list[list[Op]]:
    """Runs of operations, each of whose arguments begin where those of the one before end."""
    runs: list[list[Op]] = []
    for op in group:
        rows = code.values.rows(runs[-1][-1].out) if runs else 0
        after = runs and all(
            where[a][1] + rows == where[b][1]
            for a, b in zip(runs[-1][-1].args, op.args, strict=True)
        )
        if after:
            runs[-1].append(op)
        else:
            runs.append([op])
    return [run for run in runs if len(run) > 1]


def _join(run: list[Op], code: Code, where: dict[int, tuple[int, int]]) -> Code:
    values, rows = code.values, [code.values.rows(op.out) for op in run]
    total, made = sum(rows), []
    args = []
    for v in run[0].args:
        base, at = where[v]
        if (at, values.rows(base)) == (0, total):
            args.append(base)
        else:
            args.append(values.new((total,)))
            made.append(Op("part", (base,), (args[-1],), (at, at + total)))
    out = values.new((total,))
    attr = run[0].attr
    if isinstance(attr, Vector):
        attr = Vector(tuple(chain.from_iterable(op.vector.lanes for op in run)))
    made.append(Op(run[0].name, tuple(args), (out,), attr))
    at = 0
    for op, n in zip(run, rows, strict=True):
        made.append(Op("part", (out,), op.outs, (at, at + n)))
        at += n
    first, gone = code.ops.index(run[0]), set(map(id, run))
    ops = [op for op in code.ops[:first] if id(op) not in gone]
    ops += made + [op for op in code.ops[first:] if id(op) not in gone]
    return replace(code, ops=tuple(ops))
