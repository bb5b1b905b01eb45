"""Puts the terms of sums in one order, so that all biases of a sum become one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from rnnbp.compiler.code import Code, Maker
from rnnbp.compiler.rewrite.ordering import ranks
from rnnbp.compiler.weights import Vector


def sums(code: Code) -> Code:
    """Sums in an order of their own: what needs no state first, then all biases as one, then the
    rest.
    """
    moving = code.depending(code.inputs[1:])
    users, rank = code.users(), ranks(code)
    ends = [v for v in code.outputs if v is not None]

    def inner(v: int) -> bool:
        """Whether a value is a sum that goes into one other sum alone."""
        made, taken = code.made.get(v), users.get(v, [])
        alone = len(taken) == 1 and taken[0].args.count(v) == 1 and taken[0].name in ("add", "bias")
        return made is not None and made.name in ("add", "bias") and alone and v not in ends

    def leaves(root: int) -> tuple[list[int], list[Vector]]:
        """The terms of a sum, and its biases; no recursion, because a sum may be as long as a cell."""
        terms, vectors, waiting = list[int](), list[Vector](), [(root, False)]
        while waiting:
            v, done = waiting.pop()
            if done:
                vectors += [code.made[v].vector] if code.made[v].name == "bias" else []
            elif v != root and not inner(v):
                terms.append(v)
            else:
                waiting += [(v, True), *((a, False) for a in reversed(code.made[v].args))]
        return terms, vectors

    known: dict[int, int] = {}
    maker = Maker(code.values)
    for op in code.ops:
        if op.name in ("add", "bias"):
            if not inner(op.out):
                terms, vectors = leaves(op.out)
                terms.sort(key=lambda v: (v in moving, rank[v]))
                known[op.out] = _summed(
                    [known.get(v, v) for v in terms], [v in moving for v in terms], vectors, maker
                )
        else:
            outs = maker.put(replace(op, args=tuple(known.get(v, v) for v in op.args)))
            known.update(zip(op.outs, outs, strict=True))
    outputs = tuple(None if v is None else known.get(v, v) for v in code.outputs)
    return replace(code, ops=tuple(maker.ops), outputs=outputs).live()


def _summed(terms: list[int], moving: list[bool], vectors: list[Vector], maker: Maker) -> int:
    total = terms[0]
    still = max(1, moving.count(False))
    for term in terms[1:still]:
        total = maker.make("add", total, term)
    if vectors:
        total = maker.make("bias", total, attr=_joined(vectors))
    for term in terms[still:]:
        total = maker.make("add", total, term)
    return total


def _joined(vectors: list[Vector]) -> Vector:
    """The sum of vectors, lane by lane where their lanes are equal."""
    if len({tuple(n for n, _ in vector.lanes) for vector in vectors}) == 1:
        lanes = zip(*(vector.lanes for vector in vectors), strict=True)
        return Vector(
            tuple((lane[0][0], tuple(r for _, rows in lane for r in rows)) for lane in lanes)
        )
    cuts = sorted({0} | {end for vector in vectors for end in _ends(vector)})
    pieces = [
        tuple(r for vector in vectors for _, rows in vector.cut(a, b).lanes for r in rows)
        for a, b in pairwise(cuts)
    ]
    return Vector(tuple((b - a, rows) for (a, b), rows in zip(pairwise(cuts), pieces, strict=True)))


def _ends(vector: Vector) -> list[int]:
    found, at = [], 0
    for n, _ in vector.lanes:
        at += n
        found.append(at)
    return found
