"""Operations over the features of a row: layer norm and softmax, as
``rnnbp.runners.numpy.operations`` has them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rnnbp.machine import mathematics, special
from rnnbp.machine.ir import Text, number
from rnnbp.machine.rows import Row

Rowwise: TypeAlias = Callable[[Row, Sequence[str], Sequence[str], object], None]
"""Writes instructions for one row, given addresses of arguments and results, and the attribute."""


def normal(r: Row, args: Sequence[str], outs: Sequence[str], eps: object) -> None:
    """y = (x − mean x) · slope and slope = 1 / √(var x + eps)."""
    assert isinstance(eps, float | int)
    t, (x,), (y, slope) = r.t, args, outs
    v = t.lanes
    mean = t.every(_over(t, r.total(lambda i, m: t.load(t.at(x, i), m)), r.n))

    def square(i: str, m: str | None) -> str:
        d = t.op("fsub", t.load(t.at(x, i), m), mean)
        return t.op("fmul", d, d)

    variance = _over(t, r.total(square), r.n)
    inside = t.put(f"fadd {v.scalar} {variance}, {_constant(t, eps)}")
    root = _scalar(t, "sqrt", inside)
    found = t.put(f"fdiv {v.scalar} {_constant(t, 1.0)}, {root}")
    t.do(f"store {v.scalar} {found}, ptr {slope}, align {v.nbytes}")
    every = t.every(found)

    def out(i: str, m: str | None) -> None:
        t.store(t.op("fmul", t.op("fsub", t.load(t.at(x, i), m), mean), every), t.at(y, i), m)

    r.each(out)


def normal_back(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """slope · (d − mean d − y · mean (d ⊙ y))."""
    t, (d, y, slope), (out,) = r.t, args, outs

    def product(i: str, m: str | None) -> str:
        return t.op("fmul", t.load(t.at(d, i), m), t.load(t.at(y, i), m))

    along = t.every(_over(t, r.total(product), r.n))
    mean = t.every(_over(t, r.total(lambda i, m: t.load(t.at(d, i), m)), r.n))
    scale = t.broadcast(slope)

    def give(i: str, m: str | None) -> None:
        part = t.op("fmul", t.load(t.at(y, i), m), along)
        rest = t.op("fsub", t.op("fsub", t.load(t.at(d, i), m), mean), part)
        t.store(t.op("fmul", rest, scale), t.at(out, i), m)

    r.each(give)


def softmax(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """eˣ / Σ eˣ; the largest x is subtracted first, as e^x overflows where e^(x − max) does not."""
    t, (x,), (y,) = r.t, args, outs
    top = t.every(r.total(lambda i, m: t.load(t.at(x, i), m), float("-inf"), "maximum"))

    def shifted(i: str, m: str | None) -> None:
        t.store(mathematics.exp(t, t.op("fsub", t.load(t.at(x, i), m), top)), t.at(y, i), m)

    r.each(shifted)
    total = t.every(r.total(lambda i, m: t.load(t.at(y, i), m)))
    r.each(lambda i, m: t.store(t.op("fdiv", t.load(t.at(y, i), m), total), t.at(y, i), m))


def softmax_back(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """y ⊙ (d − Σ d ⊙ y)."""
    t, (d, y), (out,) = r.t, args, outs

    def product(i: str, m: str | None) -> str:
        return t.op("fmul", t.load(t.at(d, i), m), t.load(t.at(y, i), m))

    total = t.every(r.total(product))

    def give(i: str, m: str | None) -> None:
        rest = t.op("fsub", t.load(t.at(d, i), m), total)
        t.store(t.op("fmul", rest, t.load(t.at(y, i), m)), t.at(out, i), m)

    r.each(give)


def total(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """The sum of the features."""
    t, (x,), (y,) = r.t, args, outs
    found = r.total(lambda i, m: t.load(t.at(x, i), m))
    t.do(f"store {t.lanes.scalar} {found}, ptr {y}, align {t.lanes.nbytes}")


def log_softmax(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """x − max x − log Σ e^(x − max x)."""
    t, (x,), (y,) = r.t, args, outs
    top = t.every(r.total(lambda i, m: t.load(t.at(x, i), m), float("-inf"), "maximum"))

    def power(i: str, m: str | None) -> str:
        return mathematics.exp(t, t.op("fsub", t.load(t.at(x, i), m), top))

    less = special.log(t, t.every(r.total(power)))

    def give(i: str, m: str | None) -> None:
        below = t.op("fsub", t.load(t.at(x, i), m), top)
        t.store(t.op("fsub", below, less), t.at(y, i), m)

    r.each(give)


def log_softmax_back(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    """d − e^y Σ d."""
    t, (d, y), (out,) = r.t, args, outs
    found = t.every(r.total(lambda i, m: t.load(t.at(d, i), m)))

    def give(i: str, m: str | None) -> None:
        part = t.op("fmul", mathematics.exp(t, t.load(t.at(y, i), m)), found)
        t.store(t.op("fsub", t.load(t.at(d, i), m), part), t.at(out, i), m)

    r.each(give)


def repeat(r: Row, args: Sequence[str], outs: Sequence[str], n: object) -> None:
    """Each feature n times."""
    assert isinstance(n, int)
    t, (x,), (y,) = r.t, args, outs
    with t.loop(0, r.n) as loop:
        number, line = t.broadcast(t.at(x, loop.index)), t.at(y, t.times(loop.index, n))
        Row(t, n).each(lambda i, m: t.store(number, t.at(line, i), m))


def by_lines(work: Rowwise, *, single: bool = False) -> Rowwise:
    """An operation on the features of each line; where ``single`` it results in one of each."""

    def run(r: Row, args: Sequence[str], outs: Sequence[str], lines: object) -> None:
        if lines is None:
            work(r, args, outs, None)
            return
        assert isinstance(lines, int)
        assert isinstance(r.n, int)
        t, n = r.t, r.n // lines
        with t.loop(0, lines) as loop:
            taken, given = t.times(loop.index, n), t.times(loop.index, 1 if single else n)
            places = [t.at(y, given) for y in outs]
            work(Row(t, n), [t.at(x, taken) for x in args], places, None)

    return run


def _over(t: Text, total: str, n: int | str) -> str:
    scalar = t.lanes.scalar
    known = isinstance(n, int)
    count = _constant(t, float(n)) if known else t.put(f"sitofp i64 {n} to {scalar}")
    return t.put(f"fdiv {scalar} {total}, {count}")


def _constant(t: Text, value: float) -> str:
    return number(value, t.lanes.bits)


def _scalar(t: Text, name: str, value: str) -> str:
    kind = t.lanes.scalar
    t.needs.add(f"declare {kind} @llvm.{name}.f{t.lanes.bits}({kind})")
    return t.put(f"call {kind} @llvm.{name}.f{t.lanes.bits}({kind} {value})")
