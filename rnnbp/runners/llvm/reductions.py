"""Operations over the features of a row: layer norm and softmax, as ``rnnbp.runners.numpy.operations`` has them."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine import mathematics
from rnnbp.machine.ir import Text, number
from rnnbp.machine.rows import Row
from rnnbp.runners.llvm.groups import Reduction


def emit(t: Text, item: Reduction, args: Sequence[str], outs: Sequence[str]) -> None:
    """The operation on one row; the addresses of what it takes and gives in it."""
    _OPERATIONS[item.name](Row(t, item.n), args, outs, item.attr)


def _normal(r: Row, args: Sequence[str], outs: Sequence[str], eps: float) -> None:
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


def _normal_back(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
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


def _softmax(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    t, (x,), (y,) = r.t, args, outs
    top = t.every(r.total(lambda i, m: t.load(t.at(x, i), m), float("-inf"), "maximum"))

    def shifted(i: str, m: str | None) -> None:
        t.store(mathematics.exp(t, t.op("fsub", t.load(t.at(x, i), m), top)), t.at(y, i), m)

    r.each(shifted)
    total = t.every(r.total(lambda i, m: t.load(t.at(y, i), m)))
    r.each(lambda i, m: t.store(t.op("fdiv", t.load(t.at(y, i), m), total), t.at(y, i), m))


def _softmax_back(r: Row, args: Sequence[str], outs: Sequence[str], _: object) -> None:
    t, (d, y), (out,) = r.t, args, outs

    def product(i: str, m: str | None) -> str:
        return t.op("fmul", t.load(t.at(d, i), m), t.load(t.at(y, i), m))

    total = t.every(r.total(product))

    def give(i: str, m: str | None) -> None:
        rest = t.op("fsub", t.load(t.at(d, i), m), total)
        t.store(t.op("fmul", rest, t.load(t.at(y, i), m)), t.at(out, i), m)

    r.each(give)


_OPERATIONS = {"normal": _normal, "normal_back": _normal_back, "softmax": _softmax, "softmax_back": _softmax_back}


def _over(t: Text, total: str, n: int | str) -> str:
    return t.put(f"fdiv {t.lanes.scalar} {total}, {_constant(t, float(n))}")


def _constant(t: Text, value: float) -> str:
    return number(value, t.lanes.bits)


def _scalar(t: Text, name: str, value: str) -> str:
    kind = t.lanes.scalar
    t.needs.add(f"declare {kind} @llvm.{name}.f{t.lanes.bits}({kind})")
    return t.put(f"call {kind} @llvm.{name}.f{t.lanes.bits}({kind} {value})")
