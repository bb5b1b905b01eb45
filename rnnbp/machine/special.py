"""Exponentials, logarithms and the normal distribution on vectors, over the whole range of numbers.

As in ``mathematics`` each processor computes the same polynomials, so bits depend on the number
alone. Results are those of IEEE 754 at the ends: e^−∞ = 0, log 0 = −∞, the logarithm of a negative
number NaN; subnormal numbers are arguments and results like others.
"""

from __future__ import annotations

from typing import NamedTuple

from rnnbp.machine.ir import Text
from rnnbp.machine.mathematics import exp
from rnnbp.machine.powers import (
    FRACTION,
    LIMITS,
    at_least,
    clamped,
    polynomial,
    power_less_one,
    reduced,
    select,
    two_to,
)

ENDS = {32: (-104.0, 89.0), 64: (-746.0, 710.0)}
"""Below the first eˣ is 0, above the second it is infinite."""
ROOT = {32: 0x3F3504F3, 64: 0x3FE6A09E667F3BCD}
"""The bits of √½: a number is 2ᵏ m with m from √½ to √2, so that log m has no leading 0 lost."""
ONE = {32: 0x3F800000, 64: 0x3FF0000000000000}
"""The bits of 1."""
TINY = {32: (2.0**-126, 2.0**25, -25.0), 64: (2.0**-1022, 2.0**54, -54.0)}
"""The least normal number; a factor that makes subnormal numbers normal, and what it adds to k."""
LOG2 = {32: (0.693138122558593750, 9.058000614459161e-06),
        64: (6.93147180369123816490e-01, 1.90821492927058770002e-10)}  # fmt: skip
"""log 2 in two parts: k times the first is exact."""
LOG = {
    32: (0.66666662693, 0.40000972152, 0.28498786688, 0.24279078841),
    64: (
        6.666666666666735130e-01,
        3.999999999940941908e-01,
        2.857142874366239149e-01,
        2.222219843214978396e-01,
        1.818357216161805012e-01,
        1.531383769920937332e-01,
        1.479819860511658591e-01,
    ),
}
"""(log(1 + f) − 2s) / s³ by powers of s², s = f / (2 + f): of FreeBSD's e_log.c, e_logf.c."""
FAR = {32: 14.5, 64: 39.0}
"""Where Φ(−t) is 0."""
MIDDLE, SLANT = 4.5, 1.25
"""Of the variable and the factor of ``TAIL``; fitted."""
TAIL = {
    32: (
        0.5618224740028381,
        -0.07908520102500916,
        -0.00038259910070337355,
        0.04308803007006645,
        -0.04809761792421341,
        0.032288216054439545,
        -0.014303023926913738,
        0.0035287984646856785,
        0.0002923250722233206,
        -0.0005556127871386707,
        -6.732531619491056e-05,
    ),
    64: (
        0.5618224727141773,
        -0.07908516279848901,
        -0.0003826906304990761,
        0.04308649630084546,
        -0.04809679138835436,
        0.032305219245030034,
        -0.014297049437046442,
        0.0034578016128978643,
        0.00022314121034890802,
        -0.0004669226002885674,
        8.575499771210273e-05,
        4.584948113612866e-05,
        -1.866659076069499e-05,
        -4.968765893580754e-06,
        3.215177884074049e-06,
        7.353599304665214e-07,
        -5.326321930261316e-07,
        -1.5134605885300997e-07,
        7.879678084941995e-08,
        3.388703468198838e-08,
        -6.318623433104526e-09,
        -5.141161086598451e-09,
        -6.644426621227225e-10,
    ),
}
"""Φ(−t) e^(t²/2) (1 + 1.25 t) for t ≥ 0, by powers of (t − 4.5) / (t + 4.5)."""
# Without the exponential the tail falls like 1 / t, with the factor it is nearly constant, and the
# variable brings the half line into (−1, 1): so one polynomial has full precision everywhere. It
# interpolates at Chebyshev nodes; errors are 1e-8 in 32 bits and 6e-17 in 64.


def exponential(t: Text, x: str) -> str:
    """eˣ."""
    v = t.lanes
    turns, _, less = reduced(t, clamped(t, x, *ENDS[v.bits]))
    # 2ⁿ in two factors, since n goes beyond the exponents of normal numbers. The first product is
    # exact, so the second rounds once where it is subnormal.
    half = _whole(t, t.op("fmul", turns, v.constant(0.5)))
    rest = t.op("fsub", turns, half)
    near = t.op("fmul", _two_to(t, half), t.op("fadd", less, v.constant(1.0)))
    return t.op("fmul", near, _two_to(t, rest))


def expm1(t: Text, x: str) -> str:
    """eˣ − 1 for x ≤ 0."""
    return power_less_one(t, at_least(t, x, t.lanes.constant(LIMITS[t.lanes.bits][0])))


def log(t: Text, x: str) -> str:
    """log x."""
    v, bits = t.lanes, t.lanes.bits
    least, factor, less = (v.constant(number) for number in TINY[bits])
    normal = select(t, "fcmp olt", x, least, t.op("fmul", x, factor), x)
    number = t.put(f"bitcast {v.type} {normal} to {v.integers}")
    moved = t.put(f"add {v.integers} {number}, {_splat(t, ONE[bits] - ROOT[bits])}")
    k = _exponent(t, moved)
    k = select(t, "fcmp olt", x, least, t.op("fadd", k, less), k)
    fraction = t.put(f"and {v.integers} {moved}, {_splat(t, (1 << FRACTION[bits]) - 1)}")
    fraction = t.put(f"add {v.integers} {fraction}, {_splat(t, ROOT[bits])}")
    found = _log(t, k, t.put(f"bitcast {v.integers} {fraction} to {v.type}"))
    # Of what has no exponent. The comparisons are false for NaN, whose bits are a number's above.
    found = select(t, "fcmp olt", x, v.constant(float("inf")), found, x)
    found = select(t, "fcmp oeq", x, "zeroinitializer", v.constant(float("-inf")), found)
    return select(t, "fcmp olt", x, "zeroinitializer", v.constant(float("nan")), found)


def softplus(t: Text, x: str) -> str:
    """log(1 + eˣ); 0 where it is below the least normal number."""
    v = t.lanes
    small = exp(t, t.put(f"fneg {v.type} {t.intrinsic('fabs', x)}"))
    one = v.constant(1.0)
    more = t.op("fadd", one, small)
    # What rounding 1 + u takes away from u; divided by the sum, as log has that slope there.
    lost = t.op("fsub", small, t.op("fsub", more, one))
    rest = t.op("fadd", _log(t, *_near(t, more)), t.op("fdiv", lost, more))
    above = select(t, "fcmp ogt", x, "zeroinitializer", x, "zeroinitializer")
    return t.op("fadd", above, rest)


def phi(t: Text, x: str) -> str:
    """Φ(x) of the normal distribution, to the last digits below 0 too."""
    return Normal.of(t, x).phi


class Normal(NamedTuple):
    """Φ(x) of the normal distribution, and e^(−x²/2), which is computed with it."""

    phi: str
    power: str

    @classmethod
    def of(cls, t: Text, x: str) -> Normal:
        v = t.lanes
        far = v.constant(FAR[v.bits])
        size = t.intrinsic("fabs", x)
        size = select(t, "fcmp ogt", size, far, far, size)
        # The square's own rounding would be multiplied by t² / 2 in the exponential: so what it
        # lost is a factor of its own.
        square = t.op("fmul", size, size)
        lost = t.fma(size, size, t.put(f"fneg {v.type} {square}"))
        half = v.constant(-0.5)
        power = exponential(t, t.op("fmul", square, half))
        power = t.fma(power, t.op("fmul", lost, half), power)
        middle = v.constant(MIDDLE)
        s = t.op("fdiv", t.op("fsub", size, middle), t.op("fadd", size, middle))
        slant = t.fma(size, v.constant(SLANT), v.constant(1.0))
        tail = t.op("fmul", power, t.op("fdiv", polynomial(t, TAIL[v.bits], s), slant))
        above = t.op("fsub", v.constant(1.0), tail)
        return cls(select(t, "fcmp ogt", x, "zeroinitializer", above, tail), power)


def _log(t: Text, k: str, m: str) -> str:
    """log(2ᵏ m), m from √½ to 2."""
    v = t.lanes
    f = t.op("fsub", m, v.constant(1.0))
    s = t.op("fdiv", f, t.op("fadd", f, v.constant(2.0)))
    z = t.op("fmul", s, s)
    rest = t.op("fmul", z, polynomial(t, LOG[v.bits], z))
    square = t.op("fmul", t.op("fmul", f, f), v.constant(0.5))
    high, low = (v.constant(part) for part in LOG2[v.bits])
    small = t.fma(s, t.op("fadd", square, rest), t.op("fmul", k, low))
    return t.fma(k, high, t.op("fsub", f, t.op("fsub", square, small)))


def _near(t: Text, m: str) -> tuple[str, str]:
    """k and m of a number from 1 to 2: halved above √2."""
    v = t.lanes
    root = v.constant(2**0.5)
    halved = t.op("fmul", m, v.constant(0.5))
    k = select(t, "fcmp ogt", m, root, v.constant(1.0), "zeroinitializer")
    return k, select(t, "fcmp ogt", m, root, halved, m)


def _exponent(t: Text, bits: str) -> str:
    """The exponent in the bits of a positive number, as a number."""
    v, n = t.lanes, t.lanes.bits
    # Set below the exponent of 2²³ (2⁵²) it is the last bits of a number, and a subtraction leaves
    # it: AVX2 has no conversion of 64-bit integers.
    shifted = t.put(f"lshr {v.integers} {bits}, {_splat(t, FRACTION[n])}")
    whole = 2.0 ** FRACTION[n]
    bias = (1 << (n - FRACTION[n] - 2)) - 1
    exponent = (FRACTION[n] + bias) << FRACTION[n]
    number = t.put(f"or {v.integers} {shifted}, {_splat(t, exponent)}")
    found = t.put(f"bitcast {v.integers} {number} to {v.type}")
    return t.op("fsub", found, v.constant(whole + bias))


def _whole(t: Text, x: str) -> str:
    """x rounded to an integer."""
    large = t.lanes.constant(1.5 * 2 ** FRACTION[t.lanes.bits])
    return t.op("fsub", t.op("fadd", x, large), large)


def _two_to(t: Text, n: str) -> str:
    """2ⁿ of an integer n, as a number."""
    v, bits = t.lanes, t.lanes.bits
    large = t.op("fadd", n, v.constant(1.5 * 2 ** FRACTION[bits]))
    number = t.put(f"bitcast {v.type} {large} to {v.integers}")
    return two_to(t, t.put(f"shl {v.integers} {number}, {_splat(t, FRACTION[bits])}"))


def _splat(t: Text, value: int) -> str:
    return f"splat (i{t.lanes.bits} {value})"
