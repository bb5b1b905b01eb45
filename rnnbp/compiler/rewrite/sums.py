"""Puts the terms of sums in one order, so that all biases of a sum become one."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Maker
from rnnbp.compiler.rewrite.ordering import ranks
from rnnbp.compiler.rewrite.repeating import still_values
from rnnbp.compiler.weights import Vector


def sums(code: Code, *, still_last: bool) -> Code:
    """Sums in one order: what needs no state first, then all biases as one, then the rest.

    Args:
        still_last: whether values that are the same at every step come after all others.
    """
    moving, still = code.depending(code.states), still_values(code)
    rank, inner = ranks(code), _inner(code)
    known: dict[int, int] = {}
    maker = Maker(code.values)
    for op in code.ops:
        if op.name in ("add", "bias") and op.out in inner:
            continue
        if op.name in ("add", "bias"):
            terms, vectors = _leaves(op.out, code, inner)
            late = moving | still if still_last else moving
            terms.sort(key=lambda v: (v in late, v in still, rank[v]))
            early = sum(v not in late for v in terms)
            known[op.out] = _summed([known.get(v, v) for v in terms], early, vectors, maker)
        else:
            outs = maker.put(op.on(tuple([known.get(v, v) for v in op.args])))
            known.update(zip(op.outs, outs, strict=True))
    outputs = tuple(None if v is None else known.get(v, v) for v in code.outputs)
    return replace(code, ops=tuple(maker.ops), outputs=outputs).live()


def _inner(code: Code) -> set[int]:
    """The sums that go into one other sum alone."""
    users, found = code.users(), set[int]()
    for op in code.ops:
        if op.name in ("add", "bias") and op.out not in code.outputs:
            taken = users.get(op.out, [])
            once = len(taken) == 1 and taken[0].args.count(op.out) == 1
            if once and taken[0].name in ("add", "bias"):
                found.add(op.out)
    return found


def _leaves(root: int, code: Code, inner: set[int]) -> tuple[list[int], list[Vector]]:
    """The terms of a sum, and its biases; no recursion, because a sum may be as long as a cell."""
    terms, vectors, waiting = list[int](), list[Vector](), [(root, False)]
    while waiting:
        v, done = waiting.pop()
        if done:
            vectors += [code.made[v].vector] if code.made[v].name == "bias" else []
        elif v != root and v not in inner:
            terms.append(v)
        else:
            waiting += [(v, True), *((a, False) for a in reversed(code.made[v].args))]
    return terms, vectors


def _summed(terms: list[int], early: int, vectors: list[Vector], maker: Maker) -> int:
    """The sum of terms, of which the first ``early`` need no state, and of biases after these."""
    total, early = terms[0], max(1, early)
    for term in terms[1:early]:
        total = maker.make("add", total, term)
    if vectors:
        total = maker.make("bias", total, attr=_joined(vectors))
    for term in terms[early:]:
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
