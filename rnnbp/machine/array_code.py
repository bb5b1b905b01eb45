"""The LLVM text of functions for large arrays: norms, softmax, Adam, and copies."""

from __future__ import annotations

from rnnbp.machine import mathematics
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.rows import Row, across

TURNS = 4
"""Vectors of a turn of a loop in which each is compared with a maximum of its own."""
ADAM = (
    "beta1", "rest1", "beta2", "rest2", "scale", "eps", "rate", "keep", "penalty", "clip",
)  # fmt: skip
"""β₁, 1 − β₁, β₂, 1 − β₂, 1 / √(1 − β₂ᵗ), ε, lr / (1 − β₁ᵗ), what of p is kept, λ, and what g is
multiplied by first.
"""


def extent(t: Text) -> Text:
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


def finite(t: Text) -> Text:
    """finite(x, n, out): out, a double, is 0 where all of x are finite, else 1."""
    # By bits: NaN and infinity have the exponent whose bits are all 1, and they alone have it, so
    # the largest exponent tells. No arithmetic, and TURNS maxima that do not wait for each other:
    # as fast as memory is read, where a sum of squares takes four times as long.
    v = t.lanes
    kind, turn = f"<{v.n} x i{v.bits}>", TURNS * v.n
    full = t.times(t.put(f"sdiv i64 %n, {turn}"), turn)
    with t.loop(0, full, turn, carried=[(kind, "zeroinitializer")] * TURNS) as loop:
        for k, most in enumerate(loop.carried):
            loop.after.append(_larger_exponents(t, most, t.plus(loop.index, k * v.n)))
    with t.loop(full, "%n", v.n, carried=[(kind, loop.carried[0])]) as rest:
        left = t.first(t.put(f"sub i64 %n, {rest.index}"))
        rest.after.append(_larger_exponents(t, rest.carried[0], rest.index, left))
    bad = "zeroinitializer"
    for most in (rest.carried[0], *loop.carried[1:]):
        here = t.put(f"icmp eq {kind} {most}, {_exponent(v)}")
        bad = t.put(f"or {v.bools} {bad}, {here}")
    some = t.put(f"bitcast {v.bools} {bad} to i{v.n}")
    found = t.put(f"uitofp i1 {t.put(f'icmp ne i{v.n} {some}, 0')} to double")
    t.do(f"store double {found}, ptr %out")
    return t


def _exponent(v: Lanes) -> str:
    """Numbers whose bits are 1 where the exponent is, as a vector of integers."""
    bits = 0x7F800000 if v.bits == 32 else 0x7FF << 52
    return "<" + ", ".join([f"i{v.bits} {bits}"] * v.n) + ">"


def _larger_exponents(t: Text, most: str, at: str, mask: str | None = None) -> str:
    """The larger of ``most`` and the exponents of a vector of x, lane by lane."""
    v, kind = t.lanes, f"<{t.lanes.n} x i{t.lanes.bits}>"
    whole = t.put(f"bitcast {v.type} {t.load(t.at('%x', at), mask)} to {kind}")
    here = t.put(f"and {kind} {whole}, {_exponent(v)}")
    above = t.put(f"icmp sgt {kind} {here}, {most}")
    return t.put(f"select {v.bools} {above}, {kind} {here}, {kind} {most}")


def softmax(t: Text) -> Text:
    """softmax(y, K, N, out, which, factors, less, tops, totals, ats) of N rows.

    out = eʸ⁻ᵗᵒᵖ factor / total, less ``less`` at which; top = max y, total = Σ eʸ⁻ᵗᵒᵖ,
    at = y[which] − top.
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
        _subtract(t, there, less)
    return t


def _subtract(t: Text, there: str, less: str) -> None:
    """Subtract the number at ``less`` from that at ``there``."""
    kind = t.lanes.scalar
    a, b = (t.put(f"load {kind}, ptr {place}") for place in (there, less))
    t.do(f"store {kind} {t.put(f'fsub {kind} {a}, {b}')}, ptr {there}")


def scale(t: Text) -> Text:
    """scale(x, n, out): x times the number at out, in place."""
    factor = t.broadcast("%out")
    Row(t, "%n").each(
        lambda i, m: t.store(t.op("fmul", t.load(t.at("%x", i), m), factor), t.at("%x", i), m)
    )
    return t


def copy(t: Text) -> Text:
    """copy(x, y, n): n numbers of x to y."""
    Row(t, "%n").each(lambda i, m: t.store(t.load(t.at("%x", i), m), t.at("%y", i), m))
    return t


def adam(t: Text, *, penalty: bool = False, clip: bool = False) -> Text:
    """adam(p, g, m, v, n, out, numbers): Adam's update of n parameters, by ``ADAM``.

    out is 0 if all of the new p are finite, else NaN. With ``clip``, g ← clip · g first.
    """
    # Operation by operation as NumPy does it, without fused multiply-adds, so that an update has
    # the same bits by every backend.
    number = {name: t.broadcast(t.at("%numbers", k)) for k, name in enumerate(ADAM)}

    def some(i: str, mask: str | None) -> str:
        places = [t.at(name, i) for name in ("%p", "%g", "%m", "%v")]
        p, g, m, v = (t.load(place, mask) for place in places)
        if clip:
            g = t.op("fmul", g, number["clip"])
            t.store(g, places[1], mask)
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
        # 0, but of NaN and infinity NaN. Division and root take so long that this costs nothing.
        return t.op("fsub", p, p)

    t.do(f"store {t.lanes.scalar} {Row(t, '%n').total(some)}, ptr %out")
    return t
