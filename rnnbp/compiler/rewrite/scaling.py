"""Rewrite rules on numbers: constants, factors of weights, and the sign in a sigmoid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import NEGATIVE
from rnnbp.compiler.weights import Matrix, Rows, Vector


def constants(code: Code) -> Code:
    """a(bx + c) + d as (ab)x + (ac + d), where nothing else needs bx + c; 1x + 0 as x."""
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "scale" or not _alone(code.made[op.out].args[0], code, users):
            return None
        inner = maker.made.get(op.args[0])
        if inner is None or inner.name != "scale":
            return None
        factor, shift = (
            op.affine[0] * inner.affine[0],
            op.affine[0] * inner.affine[1] + op.affine[1],
        )
        if (factor, shift) == (1, 0):
            return inner.args
        return (maker.make("scale", *inner.args, attr=(factor, shift)),)

    return code.rewrite(change)


def weights(code: Code) -> Code:
    """a(Wx + b) as (aW)x + ab, where nothing else needs Wx + b, in code with its gradient."""
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "scale" or op.affine[1]:
            return None
        v = code.made[op.out].args[0]
        found = _times(v, op.affine[0], code, users, maker)
        return None if found is None else (found,)

    return code.rewrite(change)


def differences(code: Code) -> Code:
    """a + (−1)b as a − b, where nothing else needs −b."""
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "add":
            return None
        for k, v in enumerate(code.made[op.out].args):
            if _alone(v, code, users) and (code.made[v].name, code.made[v].attr) == (
                "scale",
                (-1, 0),
            ):
                (negative,) = code.made[v].args
                return maker.put(
                    Op("sub", (op.args[1 - k], maker.known.get(negative, negative)), op.outs)
                )
        return None

    return code.rewrite(change)


def scaled_tanh(code: Code) -> Code:
    """σ(z) = 1 / (1 + eᵘ): the weights make u = −z, where nothing else needs z.

    Equal to the scaled tanh ½ − ½ tanh(u/2), which is 0 in float32 where z is below −17: a gate
    that is nearly closed, and its gradient, would be lost.
    """
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "sigmoid":
            return None
        negative = _times(code.made[op.out].args[0], -1.0, code, users, maker)
        if negative is None:
            return None
        # Under the number that the backward code knows.
        return maker.put(Op("sigmoid", (negative,), op.outs, NEGATIVE))

    return code.rewrite(change)


def _alone(v: int, code: Code, users: dict[int, list[Op]]) -> bool:
    """Whether a value is made for one operation alone."""
    return v in code.made and v not in code.outputs and len(users.get(v, [])) == 1


def _times(
    root: int, factor: float, code: Code, users: dict[int, list[Op]], maker: Maker
) -> int | None:
    """A multiple of a value, by the weights that make it; None where they cannot."""
    found: dict[int, int | None] = {}
    waiting = [(root, False)]
    while waiting:
        v, ready = waiting.pop()
        op = code.made[v] if _alone(v, code, users) else None
        if op is not None and op.name in ("add", "sub", "bias") and not ready:
            waiting += [(v, True), *((a, False) for a in reversed(op.args))]
        else:
            found[v] = (
                None
                if op is None
                else _multiple(op, factor, [found.get(a) for a in op.args], code, maker)
            )
    return found[root]


def _multiple(
    op: Op, factor: float, args: Sequence[int | None], code: Code, maker: Maker
) -> int | None:
    """A multiple of what an operation makes; ``args``: the same multiples of its arguments."""
    known = [a for a in args if a is not None]
    if op.name in ("add", "sub", "bias") and len(known) < len(args):
        return None
    if op.name in ("add", "sub"):
        return maker.make(op.name, *known)
    if op.name == "bias":
        lanes = tuple((n, tuple(_scaled(r, factor) for r in rows)) for n, rows in op.vector.lanes)
        return maker.make("bias", *known, attr=Vector(lanes))
    if op.name == "linear":
        attr = Matrix(tuple(_scaled(lane, factor) for lane in op.matrix.lanes), op.matrix.turned)
        given = [maker.known.get(a, a) for a in op.args]
        return maker.make("linear", *given, attr=attr, shape=code.values.shapes[op.out])
    return None


def _scaled(rows: Rows, factor: float) -> Rows:
    return replace(rows, factor=rows.factor * factor)
