"""Rewrite rules on code one lane at a time: each gives equal values, to rounding, with less to do in the time loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from rnnbp.compiler.code import POINTWISE, Code, Maker, Matrix, Op, Rows, Vector
from rnnbp.compiler.ordering import ranks


def parts(code: Code) -> Code:
    """A value that is only ever taken apart is computed in parts: from four gates in one product to four products."""
    while True:
        users = code.users()
        whole = {v for v in code.outputs if v is not None}
        whole |= {v for v, ops in users.items() if any(op.name != "part" for op in ops)}

        def change(op: Op, maker: Maker, code: Code = code, whole: set[int] = whole) -> Sequence[int] | None:
            if op.name != "part":
                return None
            start, stop = op.attr
            if (start, stop) == (0, code.values.rows(op.args[0])):
                return op.args
            made = code.made.get(op.args[0])
            if made is None or (made.out in whole and made.name not in ("part", "concat")):
                return None
            made = replace(made, args=tuple(maker.known.get(v, v) for v in made.args))
            found = _part(made, start, stop, maker)
            return None if found is None else (found,)

        found = code.rewrite(change)
        if [op.identity for op in found.ops] == [op.identity for op in code.ops]:
            return found
        code = found


def _part(made: Op, start: int, stop: int, maker: Maker) -> int | None:
    """Some rows of what an operation gives; None where it must be done as a whole."""
    shape = (stop - start,)
    if made.name == "part":
        at = made.attr[0]
        return maker.make("part", made.args[0], attr=(at + start, at + stop), shape=shape)
    if made.name == "linear" and not made.attr.turned:
        return maker.make("linear", *made.args, attr=cut(made.attr, start, stop), shape=shape)
    if made.name in POINTWISE or made.name in ("bias", "gain"):
        args = [maker.make("part", a, attr=(start, stop), shape=shape) for a in made.args]
        attr = _cut_vector(made.attr, start, stop) if made.name in ("bias", "gain") else made.attr
        return maker.make(made.name, *args, attr=attr, shape=shape)
    if made.name == "concat":
        at = 0
        for a in made.args:
            rows = maker.values.rows(a)
            if at <= start and stop <= at + rows:
                return maker.make("part", a, attr=(start - at, stop - at), shape=shape)
            at += rows
    return None


def cut(matrix: Matrix, start: int, stop: int) -> Matrix:
    lanes, at = [], 0
    for lane in matrix.lanes:
        a, b = max(start, at), min(stop, at + lane.count)
        if a < b:
            lanes.append(lane.cut(a - at, b - at))
        at += lane.count
    return Matrix(tuple(lanes))


def _cut_vector(vector: Vector, start: int, stop: int) -> Vector:
    lanes: list[tuple[int, tuple[Rows, ...]]] = []
    at = 0
    for n, rows in vector.lanes:
        a, b = max(start, at), min(stop, at + n)
        if a < b:
            lanes.append((b - a, tuple(r.cut(a - at, b - at) for r in rows)))
        at += n
    return Vector(tuple(lanes))


def sums(code: Code) -> Code:
    """Sums in an order of their own: what needs no state first, then all biases as one, then the rest."""
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
                vectors += [code.made[v].attr] if code.made[v].name == "bias" else []
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
                known[op.out] = _summed([known.get(v, v) for v in terms], [v in moving for v in terms], vectors, maker)
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
        return Vector(tuple((lane[0][0], tuple(r for _, rows in lane for r in rows)) for lane in lanes))
    cuts = sorted({0} | {end for vector in vectors for end in _ends(vector)})
    pieces = [
        tuple(r for vector in vectors for _, rows in _cut_vector(vector, a, b).lanes for r in rows)
        for a, b in pairwise(cuts)
    ]
    return Vector(tuple((b - a, rows) for (a, b), rows in zip(pairwise(cuts), pieces, strict=True)))


def _ends(vector: Vector) -> list[int]:
    found, at = [], 0
    for n, _ in vector.lanes:
        at += n
        found.append(at)
    return found


def gathered(code: Code, moving: set[int]) -> Code:
    """d ⊙ a ⊙ b as d ⊙ (a ⊙ b), where a and b need no delta: one product in the loop, the other once for all steps."""
    users = code.users()

    def change(op: Op, maker: Maker) -> Sequence[int] | None:
        if op.name != "mul":
            return None
        d, a = op.args
        if d not in moving and a in moving:
            d, a = a, d
        if d not in moving or a in moving:
            return None
        inner = maker.made.get(d)
        if inner is None or inner.name not in ("mul", "scale") or len(users.get(d, [])) != 1:
            return None
        moved = [v for v in inner.args if v in moving]
        if len(moved) != 1 or (inner.name == "scale" and inner.attr[1]):
            return None
        if inner.name == "scale":
            factor = maker.make("scale", a, attr=inner.attr)
        else:
            (other,) = (v for v in inner.args if v != moved[0])
            factor = maker.make("mul", other, a)
        return maker.put(Op("mul", (moved[0], factor), op.outs))  # under its number, for the next product

    return code.rewrite(change)
