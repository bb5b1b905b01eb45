"""Machine code for large arrays outside cells: norms, softmax, Adam, and rows by symbol."""

from __future__ import annotations

import numpy as np

from rnnbp.machine import mathematics
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.rows import Row, across
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.support.lazy import cached

ADAM = ("beta1", "rest1", "beta2", "rest2", "scale", "eps", "rate", "keep", "penalty")
"""β₁, 1 − β₁, β₂, 1 − β₂, 1 / √(1 − β₂ᵗ), ε, lr / (1 − β₁ᵗ), what of p is kept, λ."""
EXTENT = Signature("ptr %x", "i64 %n", "ptr %out")
SOFTMAX = Signature(
    "ptr %y", "i64 %K", "i64 %N", "ptr %out", "ptr %which", "ptr %factors", "ptr %less", "ptr %tops",
    "ptr %totals", "ptr %ats",
)  # fmt: skip
COPY = Signature("ptr %x", "ptr %y", "i64 %n")
NUMBER = Signature("ptr %x", "i64 %N", "i64 %K", "ptr %rows", "ptr %found", "ptr %out")
UPDATE = Signature("ptr %p", "ptr %g", "ptr %m", "ptr %v", "i64 %n", "ptr %numbers")
DELTA_SUM = Signature(
    "ptr %d", "i64 %ldd", "ptr %x", "i64 %ldx", "i64 %N", "i64 %M", "i64 %K", "ptr %o", "i64 %ldo"
)
"""What all functions take that sum N deltas d (N, M), rows of ``ldd`` numbers, into an array o with
rows of ``ldo``: ``scatter`` here, ``gradient`` and ``sums`` of products. One signature, though none
but ``gradient`` uses all of it, lets their tasks stand in one table."""


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The functions for numbers of a kind; all are tasks too."""
    lanes, found, needs = (
        Lanes(8 * dtype.itemsize, vector_bytes() // dtype.itemsize),
        list[str](),
        set[str](),
    )
    bodies = {
        "extent": (_extent(Text(lanes)), EXTENT),
        "softmax": (_softmax(Text(lanes)), SOFTMAX),
        "copy": (_copy(Text(lanes)), COPY),
        "number": (_number(Text(lanes)), NUMBER),
        "scatter": (_scatter(Text(lanes)), DELTA_SUM),
        "adam": (_adam(Text(lanes), penalty=False), UPDATE),
        "adam_penalty": (_adam(Text(lanes), penalty=True), UPDATE),
    }
    for name, (body, signature) in bodies.items():
        found += [body.function(name, signature.arguments), signature.task(name)]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))


def _extent(t: Text) -> Text:
    """extent(x, n, out): out, of two doubles, is max |x| but for NaN, and Σ x²."""
    # Squares in float64 even of float32: the square of a number above 1.8e19 overflows in float32,
    # and the caller takes an infinite sum for a number that is not finite.
    v, wide = t.lanes, Lanes(64, t.lanes.n)
    largest, squares = "zeroinitializer", "zeroinitializer"
    with t.loop(0, "%n", v.n, carried=[(v.type, largest), (wide.type, squares)]) as loop:
        x = t.load(t.at("%x", loop.index), t.first(t.put(f"sub i64 %n, {loop.index}")))
        size = t.intrinsic("fabs", x)
        # Ordered: NaN is not above, and is left to the sum of squares, which it makes NaN.
        above = t.put(f"fcmp ogt {v.type} {size}, {loop.carried[0]}")
        loop.after.append(
            t.put(f"select {v.bools} {above}, {v.type} {size}, {v.type} {loop.carried[0]}")
        )
        long = x if v.bits == 64 else t.put(f"fpext {v.type} {x} to {wide.type}")
        square = t.put(f"fmul {wide.type} {long}, {long}")
        loop.after.append(t.put(f"fadd {wide.type} {loop.carried[1]}, {square}"))
    top, total = across(t, v, "maxnum", loop.carried[0]), across(t, wide, "fadd", loop.carried[1])
    t.do(f"store double {top if v.bits == 64 else t.put(f'fpext float {top} to double')}, ptr %out")
    t.do(f"store double {total}, ptr {t.put('getelementptr double, ptr %out, i64 1')}")
    return t


def _softmax(t: Text) -> Text:
    """softmax(y, K, N, out, which, factors, less, tops, totals, ats): N rows eʸ⁻ᵗᵒᵖ factor / total,
    less at which.

    top = max y, total = Σ eʸ⁻ᵗᵒᵖ, at = y[which] − top.
    """
    # Three passes over a row: its maximum, the powers and their sum, the division. A row of a
    # vocabulary stays in the cache between them; an online softmax would do the exponentials twice.
    v = t.lanes
    with t.loop(0, "%N") as rows:
        first = t.times(rows.index, "%K")
        y, out, row = t.at("%y", first), t.at("%out", first), Row(t, "%K")
        names = ("%factors", "%tops", "%totals", "%less", "%ats")
        factor, top_at, total_at, less, at = (t.at(name, rows.index) for name in names)
        top = row.total(lambda i, m: t.load(t.at(y, i), m), float("-inf"), "maximum")
        t.do(f"store {v.scalar} {top}, ptr {top_at}")
        tops = t.every(top)

        def power(i: str, m: str | None) -> str:
            e = mathematics.exp(t, t.op("fsub", t.load(t.at(y, i), m), tops))
            t.store(e, t.at(out, i), m)
            return e

        total = row.total(power)
        t.do(f"store {v.scalar} {total}, ptr {total_at}")
        scale = t.op("fdiv", t.broadcast(factor), t.every(total))
        row.each(
            lambda i, m: t.store(t.op("fmul", t.load(t.at(out, i), m), scale), t.at(out, i), m)
        )
        k = t.put(f"load i64, ptr {t.put(f'getelementptr i64, ptr %which, i64 {rows.index}')}")
        there, number = t.at(out, k), t.put(f"load {v.scalar}, ptr {t.at(y, k)}")
        t.do(f"store {v.scalar} {t.put(f'fsub {v.scalar} {number}, {top}')}, ptr {at}")
        numbers = (t.put(f"load {v.scalar}, ptr {place}") for place in (there, less))
        t.do(
            f"store {v.scalar} {t.put(f'fsub {v.scalar} {next(numbers)}, {next(numbers)}')}, ptr "
            f"{there}"
        )
    return t


def _number(t: Text) -> Text:
    """number(x, N, K, rows, found, out): out[n] = rows[x[n]], in [0, K); symbols without a row get
    the next.

    found[0] is how many have one, and they follow it. A symbol out of range has none, and out[n] is
    −1.
    """

    # Without branches: the processor cannot predict whether a symbol is new, and a wrong guess
    # takes longer than all this. So what must not be written is written where it does
    # no harm: for symbols out of range row 0 gets what it has, and the count's own slot likewise.

    def at(array: str, index: str) -> str:
        return t.put(f"getelementptr i64, ptr {array}, i64 {index}")

    def pick(condition: str, yes: str, no: str) -> str:
        return t.put(f"select i1 {condition}, i64 {yes}, i64 {no}")

    first = t.put("load i64, ptr %found")
    with t.loop(0, "%N", carried=[("i64", first)]) as loop:
        symbol = t.put(f"load i64, ptr {at('%x', loop.index)}")
        inside = t.put(f"icmp ult i64 {symbol}, %K")
        place = at("%rows", pick(inside, symbol, "0"))
        row, count = t.put(f"load i64, ptr {place}"), loop.carried[0]
        new = t.put(f"and i1 {inside}, {t.put(f'icmp slt i64 {row}, 0')}")
        following = t.plus(count, 1)
        slot = at("%found", pick(new, following, "0"))
        t.do(f"store i64 {pick(new, symbol, t.put(f'load i64, ptr {slot}'))}, ptr {slot}")
        found = pick(new, count, row)
        t.do(f"store i64 {found}, ptr {place}")
        t.do(f"store i64 {pick(inside, found, '-1')}, ptr {at('%out', loop.index)}")
        loop.after.append(pick(new, following, count))
    t.do(f"store i64 {loop.carried[0]}, ptr %found")
    return t


def _copy(t: Text) -> Text:
    """copy(x, y, n): n numbers of x to y."""
    Row(t, "%n").each(lambda i, m: t.store(t.load(t.at("%x", i), m), t.at("%y", i), m))
    return t


def _scatter(t: Text) -> Text:
    """scatter(d, ldd, x, _, N, M, _, o, ldo): row x[n] of o (_, M) += d[n], d (N, M), for n from 0
    on.
    """
    # One thread, in the order of steps: two threads could add to one row at the same time, and
    # another order gives other bits.
    with t.loop(0, "%N") as rows:
        symbol = t.put(f"load i64, ptr {t.put(f'getelementptr i64, ptr %x, i64 {rows.index}')}")
        d, out = t.at("%d", t.times(rows.index, "%ldd")), t.at("%o", t.times(symbol, "%ldo"))
        Row(t, "%M").each(
            lambda i, m: t.store(
                t.op("fadd", t.load(t.at(out, i), m), t.load(t.at(d, i), m)), t.at(out, i), m
            )
        )
    return t


def _adam(t: Text, *, penalty: bool) -> Text:
    """adam(p, g, m, v, n, numbers): Adam's update of n parameters, by ``ADAM``; rounded as NumPy
    does it.
    """
    # Operation by operation as NumPy does it, without fused multiply-adds, so that an update has
    # the same bits by every backend.
    number = {name: t.broadcast(t.at("%numbers", k)) for k, name in enumerate(ADAM)}

    def some(i: str, mask: str | None) -> None:
        places = [t.at(name, i) for name in ("%p", "%g", "%m", "%v")]
        p, g, m, v = (t.load(place, mask) for place in places)
        p = t.op("fmul", p, number["keep"])
        if penalty:
            g = t.op("fadd", t.op("fmul", p, number["penalty"]), g)
        m = t.op("fadd", t.op("fmul", m, number["beta1"]), t.op("fmul", g, number["rest1"]))
        v = t.op(
            "fadd",
            t.op("fmul", v, number["beta2"]),
            t.op("fmul", t.op("fmul", g, g), number["rest2"]),
        )
        root = t.op("fadd", t.op("fmul", t.intrinsic("sqrt", v), number["scale"]), number["eps"])
        p = t.op("fsub", p, t.op("fmul", t.op("fdiv", m, root), number["rate"]))
        for place, value in ((places[0], p), (places[2], m), (places[3], v)):
            t.store(value, place, mask)

    Row(t, "%n").each(some)
    return t
