"""The rule that products whose results are summed are one, going backward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op
from rnnbp.compiler.weights import Matrix, Vector


def turned(code: Code) -> Code:
    """Σ_k W_kᵀ d_k as one product with all d_k below each other; gradients of one input too."""
    users = code.users()
    found: dict[int, tuple[list[Op], list[int]]] = {}
    for op in code.ops:
        if op.name == "add" and not _within(op.out, code, users):
            leaves = _leaves(op.out, code, users)
            once = [v for v in leaves if len(users[v]) == 1 and leaves.count(v) == 1]
            linear = [code.made[v] for v in once if _turned(v, code)]
            if len(linear) > 1:
                rest = [v for v in leaves if v not in {member.out for member in linear}]
                linear.sort(key=lambda member: _source(member.args[0], code))
                found[op.out] = linear, rest

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
    alone = len(taken) == 1 and taken[0].name == "add" and taken[0].args.count(v) == 1
    return alone and v not in code.outputs


def _leaves(v: int, code: Code, users: dict[int, list[Op]]) -> list[int]:
    found, waiting = list[int](), list(reversed(code.made[v].args))
    while waiting:
        made = code.made.get(a := waiting.pop())
        if made is not None and made.name == "add" and _within(a, code, users):
            waiting += reversed(made.args)
        else:
            found.append(a)
    return found
