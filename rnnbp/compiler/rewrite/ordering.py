"""An order of operations that depends on what a cell computes, not on how it was written down."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import REPEATED, SYMMETRIC, VIEWS
from rnnbp.compiler.weights import Matrix, Vector
from rnnbp.numerics import Shape

ENTERING = frozenset({"keep", "choose"})
"""Operations that make the state that enters a step of one that could."""
Rank: TypeAlias = tuple[int, int]
"""How far a value is from the inputs, and its place among those that are as far."""


def ordered(code: Code) -> Code:
    """Depth first from the outputs, the longer way first; arguments of a sum by their ranks.

    The values are numbered anew in that order, so that all that follows, the gates' order in a
    stack of weights included, is the same for every way of writing a cell. The longer way first
    needs the least memory in between (Sethi & Ullman 1970).
    """
    found = ranks(code)
    ops = [op.on(_sorted(op, found)) for op in code.ops]
    chosen = _entering_first(_depth_first(replace(code, ops=tuple(ops)), found), code.inputs)
    values = Values(code.values.shapes[v] for v in code.inputs)
    number = dict(zip(code.inputs, range(len(code.inputs)), strict=True))
    made = []
    for op in chosen:
        number |= {v: values.new(code.values.shapes[v]) for v in op.outs}
        args, outs = (tuple(number[v] for v in taken) for taken in (op.args, op.outs))
        made.append(Op(op.name, args, outs, op.attr))
    outputs = tuple(None if v is None else number[v] for v in code.outputs)
    inputs = tuple(range(len(code.inputs)))
    return Code(values, inputs, tuple(made), outputs, code.n_states, code.static)


def ranks(code: Code) -> dict[int, Rank]:
    """The rank of every value: equal for values made alike, whatever their parameters."""
    found: dict[int, Rank] = {v: (0, k) for k, v in enumerate(code.inputs)}
    depth: dict[int, int] = dict.fromkeys(code.inputs, 0)
    levels: dict[int, list[Op]] = {}
    for op in code.ops:
        level = 1 + max((depth[v] for v in op.args), default=0)
        depth |= dict.fromkeys(op.outs, level)
        levels.setdefault(level, []).append(op)
    below: dict[int, int] = dict.fromkeys(code.inputs, 0)
    for level in sorted(levels):
        signs = [_sign(op, found, below, code.values) for op in levels[level]]
        place = {sign: k for k, sign in enumerate(sorted(set(signs)))}
        for op, sign in zip(levels[level], signs, strict=True):
            below |= dict.fromkeys(op.outs, sign[0])
            found |= {v: (level, place[sign] * 2**16 + k) for k, v in enumerate(op.outs)}
    return found


def _sign(
    op: Op, found: dict[int, Rank], below: dict[int, int], values: Values
) -> tuple[int, str, str, tuple[Shape, ...], tuple[Rank, ...]]:
    """(operations below, name, numbers, shapes, arguments), which tell operations apart."""
    if op.name == "opaque":
        attr = repr(op.opaque.layer)
    else:
        attr = "" if isinstance(op.attr, Matrix | Vector) else repr(op.attr)
    args = [found[v] for v in op.args]
    size = 1 + sum(below[v] for v in op.args)
    shapes = tuple(values.shapes[v] for v in op.outs)
    return size, op.name, attr, shapes, tuple(sorted(args) if op.name in SYMMETRIC else args)


def _sorted(op: Op, found: dict[int, Rank]) -> tuple[int, ...]:
    return tuple(sorted(op.args, key=lambda v: found[v])) if op.name in SYMMETRIC else op.args


def _depth_first(code: Code, found: dict[int, Rank]) -> list[Op]:
    """Each operation after those that make its arguments."""
    chosen: list[Op] = []
    done, waiting = set(code.inputs), [v for v in reversed(code.outputs) if v is not None]
    while waiting:
        v = waiting[-1]
        op = None if v in done else code.made[v]
        missing = [] if op is None else [a for a in op.args if a not in done]
        if missing:
            # The last is made first: the longest way, and of equal ones that of the lowest rank.
            waiting += sorted(missing, key=lambda a: (found[a][0], -found[a][1]))
            continue
        waiting.pop()
        if op is not None:
            chosen.append(op)
            done.update(op.outs)
    return chosen


def _entering_first(ops: list[Op], inputs: tuple[int, ...]) -> list[Op]:
    """The same order, but first what chooses between inputs alone, as states that may begin anew.

    All else then follows as in a cell whose states enter as they are, and is rounded like there.
    """
    if not any(op.name in ENTERING for op in ops):
        return ops
    known, moved, early = set(inputs), list[Op](), set[int]()
    made = {v: op for op in ops for v in op.outs}
    for op in ops:
        if op.name in ENTERING | REPEATED | VIEWS and known.issuperset(op.args):
            known.update(op.outs)
            moved += [op] if op.name in ENTERING else []
    found = list[Op]()
    for op in moved:
        for part in (*(made[v] for v in op.args if v in made), op):
            found += [] if id(part) in early else [part]
            early.add(id(part))
    return [*found, *(op for op in ops if id(op) not in early)]
