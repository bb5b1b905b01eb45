"""Rules that put lanes side by side: many small operations become few large ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from rnnbp.compiler.code import Code, Maker, Op
from rnnbp.compiler.operations import IN_PLACE, NEGATIVE
from rnnbp.compiler.weights import Matrix, Vector


def products(code: Code) -> Code:
    """Products that share an input are one: the rows of their weights below each other, gates of a
    kind together.
    """
    users = code.users()
    groups: dict[int, list[Op]] = {}
    for op in code.ops:
        if op.name == "linear" and not op.matrix.turned:
            groups.setdefault(op.args[0], []).append(op)
    where = {op.out: group for group in groups.values() if len(group) > 1 for op in group}
    position = {op.out: k for k, op in enumerate(code.ops) if op.outs}

    def rank(op: Op) -> tuple[int, int]:
        """Sigmoids first, then tanhs, then others; each as they were written."""
        v = op.out
        while len(users.get(v, [])) == 1 and users[v][0].name in ("add", "sub", "bias", "scale"):
            v = users[v][0].out
        (last, *_) = [*users.get(v, []), None]
        sigmoid = last is not None and (last.name, last.attr) == ("sigmoid", NEGATIVE)
        kind = 0 if sigmoid else 1 if last is not None and last.name == "tanh" else 2
        return kind, position[v] if last is None else position.get(last.out, 0) if last.outs else 0

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        group = where.get(op.out) if op.outs else None
        if group is None:
            return None
        group = sorted(group, key=rank)
        lanes = tuple(chain.from_iterable(member.matrix.lanes for member in group))
        rows = [sum(lane.count for lane in member.matrix.lanes) for member in group]
        whole = maker.make("linear", *op.args, attr=Matrix(lanes), shape=(sum(rows),))
        k = [member.out for member in group].index(op.out)
        at = sum(rows[:k])
        return maker.put(Op("part", (whole,), op.outs, (at, at + rows[k])))

    return code.rewrite(change)


def turned(code: Code) -> Code:
    """Σ_k W_kᵀ d_k as one product with all d_k below each other; so too the gradients of weights of
    one input.
    """
    users = code.users()
    found: dict[int, tuple[list[Op], list[int]]] = {}
    for op in code.ops:
        if op.name == "add" and not _within(op.out, code, users):
            leaves = _leaves(op.out, code, users)
            linear = [
                code.made[v]
                for v in leaves
                if _turned(v, code) and len(users[v]) == 1 and leaves.count(v) == 1
            ]
            if len(linear) > 1:
                rest = [v for v in leaves if v not in {member.out for member in linear}]
                found[op.out] = (
                    sorted(linear, key=lambda member: _source(member.args[0], code)),
                    rest,
                )

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if not op.outs or op.out not in found:
            return None
        linear, rest = found[op.out]
        total = _product(linear, maker)
        for v in rest:
            total = maker.make("add", maker.known.get(v, v), total)
        return (total,)

    return _gradients(code.rewrite(change))


def _product(linear: list[Op], maker: Maker) -> int:
    rows = [maker.values.rows(member.args[0]) for member in linear]
    deltas = [maker.known.get(member.args[0], member.args[0]) for member in linear]
    below = maker.make("concat", *deltas, shape=(sum(rows),))
    lanes = tuple(chain.from_iterable(member.matrix.lanes for member in linear))
    shape = maker.values.shapes[linear[0].out]
    return maker.make("linear", below, attr=Matrix(lanes, turned=True), shape=shape)


def _gradients(code: Code) -> Code:
    """One gradient for all weights of an input, and one for all biases."""
    weights: dict[int, list[Op]] = {}
    biases: list[Op] = []
    others: list[Op] = []
    for op in code.ops:
        if op.name == "grad_linear":
            weights.setdefault(op.args[1], []).append(op)
        elif op.name == "grad_bias":
            biases.append(op)
        else:
            others.append(op)
    maker = Maker(code.values)
    for op in others:
        maker.put(op)
    for x, group in weights.items():
        group.sort(key=lambda member: _source(member.args[0], code))
        below = _below([member.args[0] for member in group], maker)
        lanes = tuple(chain.from_iterable(member.matrix.lanes for member in group))
        maker.put(Op("grad_linear", (below, x), (), Matrix(lanes)))
    if biases:
        biases.sort(key=lambda member: _source(member.args[0], code))
        below = _below([member.args[0] for member in biases], maker)
        vector = Vector(tuple(chain.from_iterable(member.vector.lanes for member in biases)))
        maker.put(Op("grad_bias", (below,), (), vector))
    return replace(code, ops=tuple(maker.ops))


def _below(values: list[int], maker: Maker) -> int:
    if len(values) == 1:
        return values[0]
    return maker.make("concat", *values, shape=(sum(maker.values.rows(v) for v in values),))


def _source(v: int, code: Code) -> tuple[str, int, int]:
    """Deltas that are made alike, from one value, are neighbours."""
    made = code.made.get(v)
    return ("", 0, v) if made is None or made.name != "mul" else (made.name, made.args[0], v)


def _turned(v: int, code: Code) -> bool:
    made = code.made.get(v)
    return made is not None and made.name == "linear" and made.matrix.turned


def _within(v: int, code: Code, users: dict[int, list[Op]]) -> bool:
    """Whether a sum goes into one other sum alone."""
    taken = users.get(v, [])
    return (
        len(taken) == 1
        and taken[0].name == "add"
        and taken[0].args.count(v) == 1
        and v not in code.outputs
    )


def _leaves(v: int, code: Code, users: dict[int, list[Op]]) -> list[int]:
    found, waiting = list[int](), list(reversed(code.made[v].args))
    while waiting:
        made = code.made.get(a := waiting.pop())
        if made is not None and made.name == "add" and _within(a, code, users):
            waiting += reversed(made.args)
        else:
            found.append(a)
    return found


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
            attr = op.attr if op.name in ("scale", "sigmoid") else None
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
    if run[0].name in ("bias", "gain"):
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
