"""Attention: additive scores of the lines of keys, v · tanh(k + query), and their deltas.

Addresses are those of keys, query, deltas and v, as far as an operation takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rnnbp.compiler.weights import Vector
from rnnbp.machine import mathematics
from rnnbp.machine.ir import Text
from rnnbp.machine.powers import select
from rnnbp.machine.rows import Row


def masked(t: Text, x: str, mask: str, fill: str) -> str:
    """x where the mask is at least ½, else a number."""
    return select(t, "fcmp oge", mask, t.lanes.constant(0.5), x, fill)


def additive(r: Row, args: Sequence[str], outs: Sequence[str], vector: object) -> None:
    """The score of each line."""
    t, (keys, query, v), (out,) = r.t, args, outs
    lines, n = _sizes(r, vector)
    with t.loop(0, lines) as loop:
        line = t.at(keys, t.times(loop.index, n))

        def term(i: str, m: str | None) -> str:
            return t.op("fmul", t.load(t.at(v, i), m), _tanh(t, line, query, i, m))

        total, place = Row(t, n).total(term), t.at(out, loop.index)
        t.do(f"store {t.lanes.scalar} {total}, ptr {place}, align {t.lanes.nbytes}")


def additive_back(r: Row, args: Sequence[str], outs: Sequence[str], vector: object) -> None:
    """The deltas of the query, and after them those of v."""
    t, (keys, query, d, v), (out,) = r.t, args, outs
    lines, n = _sizes(r, vector)
    zeros = [(t.lanes.type, "zeroinitializer")] * 2

    def give(i: str, m: str | None) -> None:
        with t.loop(0, lines, carried=zeros) as loop:
            e = _tanh(t, t.at(keys, t.times(loop.index, n)), query, i, m)
            delta = t.broadcast(t.at(d, loop.index))
            to_query, to_vector = loop.carried
            loop.after += [t.fma(delta, _slope(t, e), to_query), t.fma(delta, e, to_vector)]
        to_query, to_vector = loop.carried
        t.store(t.op("fmul", to_query, t.load(t.at(v, i), m)), t.at(out, i), m)
        t.store(to_vector, t.at(out, t.plus(i, n)), m)

    Row(t, n).each(give)


def additive_keys(r: Row, args: Sequence[str], outs: Sequence[str], vector: object) -> None:
    """The deltas of the keys."""
    t, (keys, query, d, v), (out,) = r.t, args, outs
    lines, n = _sizes(r, vector)
    with t.loop(0, lines) as loop:
        at, delta = t.times(loop.index, n), t.broadcast(t.at(d, loop.index))
        line, to = t.at(keys, at), t.at(out, at)

        def give(i: str, m: str | None) -> None:
            slope = _slope(t, _tanh(t, line, query, i, m))
            found = t.op("fmul", t.op("fmul", slope, t.load(t.at(v, i), m)), delta)
            t.store(found, t.at(to, i), m)

        Row(t, n).each(give)


@dataclass(frozen=True)
class Places:
    """Addresses of one row: what has an axis of steps moves by a stride from step to step."""

    keys: str
    query: str
    query_stride: str
    deltas: str
    deltas_stride: str
    vector: str
    out: str


def additive_sum(t: Text, at: Places, steps: str, lines: int, n: int) -> None:
    """out += the deltas of the keys, summed over steps."""
    # Step by step within a line's vector: the sum stays in a register, and each key is read once.
    zero = [(t.lanes.type, "zeroinitializer")]
    with t.loop(0, lines) as loop:
        first = t.times(loop.index, n)
        line, to, deltas = t.at(at.keys, first), t.at(at.out, first), t.at(at.deltas, loop.index)

        def give(i: str, m: str | None) -> None:
            with t.loop(0, steps, carried=zero) as step:
                query = t.at(at.query, t.times(step.index, at.query_stride))
                delta = t.broadcast(t.at(deltas, t.times(step.index, at.deltas_stride)))
                slope = _slope(t, _tanh(t, line, query, i, m))
                step.after.append(t.fma(delta, slope, step.carried[0]))
            part, place = t.load(t.at(at.vector, i), m), t.at(to, i)
            t.store(t.fma(step.carried[0], part, t.load(place, m)), place, m)

        Row(t, n).each(give)


def _tanh(t: Text, line: str, query: str, i: str, m: str | None) -> str:
    """tanh(line + query), some vector of it."""
    return mathematics.tanh(t, t.op("fadd", t.load(t.at(line, i), m), t.load(t.at(query, i), m)))


def _slope(t: Text, e: str) -> str:
    """1 − e²."""
    return t.op("fsub", t.lanes.constant(1.0), t.op("fmul", e, e))


def _sizes(r: Row, vector: object) -> tuple[int, int]:
    """Lines of the keys, and how long they are."""
    assert isinstance(vector, Vector)
    assert isinstance(r.n, int)
    return r.n // vector.count, vector.count
