"""exp, tanh and the logistic function on vectors.

The polynomials interpolate at Chebyshev nodes. The reductions are those of Cody & Waite (1980):
eˣ = 2ⁿ eʳ with |r| ≤ ½ log 2, and tanh x = 1 − 2 / (e²ˣ + 1) away from 0.

LLVM's own ``exp`` on a vector is a call of the C library for each lane, with that library's bits.
Here every processor computes the same polynomial with fused multiply-adds, so the bits depend on
nothing but the number. Infinities give the limits, and NaN gives NaN.
"""

# Comparisons below put NaN on the side where it survives: they are ordered (olt, oge), and so false
# for NaN, which then takes the branch that computes with x. A clamp by minnum would drop it.

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnbp.machine.ir import Text

EXP = {
    32: (
        0.5,
        0.16666573381900845,
        0.04166655011030512,
        0.008363773874405574,
        0.0013926926614021918,
    ),
    64: (
        0.5,
        0.1666666666666667,
        0.04166666666666667,
        0.008333333333325562,
        0.0013888888888882196,
        0.00019841269876739274,
        2.480158732860082e-05,
        2.7557253019800556e-06,
        2.7557271309285966e-07,
        2.510619542001858e-08,
        2.091533048022752e-09,
    ),
}
"""(eʳ − 1 − r) / r², by powers of r."""
TANH = {
    32: (
        -0.3333333317214036,
        0.13333303556915718,
        -0.05395925957720202,
        0.021768918651016458,
        -0.008343945515814251,
        0.0022927448161584154,
    ),
    64: (
        -0.33333333333333337,
        0.13333333333333652,
        -0.05396825396821357,
        0.021869488527111465,
        -0.008863235223407036,
        0.003592122871251174,
        -0.0014557822551818226,
        0.0005896884828755143,
        -0.00023766528714551244,
        9.269804520653452e-05,
        -3.132498068840586e-05,
        6.5380742430383045e-06,
    ),
}
"""(tanh x / x − 1) / x², by powers of x², below ``NEAR``."""
NEAR = 0.625
"""Where tanh changes its formula."""
# Above, 1 − 2 / (e²ˣ + 1) loses at most one bit to the subtraction, as the quotient is below 0.45;
# towards 0 it would lose all. Below, the polynomial is short enough to reach full precision. Both
# are computed for all lanes, since lanes cannot branch: 40 instructions, for a call of C's tanhf.

LIMITS = {32: (-87.3, 88.3), 64: (-708.3, 709.4)}
"""Where eˣ is neither 0 nor infinite, and 2ⁿ a normal number: the exponent is set as bits."""
LOG2 = {32: (0.693359375, -2.12194440e-4), 64: (0.693145751953125, 1.42860682030941723212e-6)}
"""log 2 in two parts."""
# The first has so few bits that n times it is exact for all n that occur; the second is the rest.
# So r = x − n log 2 keeps its last bits, which one subtraction would lose where x is near n log 2.
FRACTION = {32: 23, 64: 52}
"""Bits of the fraction."""


def exp(t: Text, x: str) -> str:
    """eˣ for x ≤ 0; 0 where it is below the least normal number."""
    # Softmax is the only user, and subtracts the largest number before: so no upper limit.
    low = t.lanes.constant(LIMITS[t.lanes.bits][0])
    return _select(t, "fcmp olt", x, low, "zeroinitializer", _power(t, _least(t, x, low)))


def tanh(t: Text, x: str) -> str:
    """tanh x."""
    v = t.lanes
    square, size = t.op("fmul", x, x), t.intrinsic("fabs", x)
    near = t.fma(t.op("fmul", square, x), _polynomial(t, TANH[v.bits], square), x)
    high = v.constant(LIMITS[v.bits][1])
    # By |x|, so that tanh(−x) is −tanh(x) to the last bit; the sign comes back at the end. Clamped
    # where e²ˣ would overflow: there the quotient is below half a unit of the last place of 1.
    double = t.op("fadd", size, size)
    more = _one_more(t, _select(t, "fcmp olt", double, high, double, high))
    far = t.op("fsub", v.constant(1.0), t.op("fdiv", v.constant(2.0), more))
    # NaN is near: the comparison is false for it.
    return t.intrinsic("copysign", _select(t, "fcmp oge", size, v.constant(NEAR), far, near), x)


def sigmoid(t: Text, x: str) -> str:
    """1 / (1 + e⁻ˣ); 0 where it is below the least normal number."""
    # Not the subnormal number that it would be: gates multiply, and products of subnormal numbers
    # made kernels many times as slow.
    v, end = t.lanes, LIMITS[t.lanes.bits][0]
    inside = _least(t, x, v.constant(end))
    inside = _select(t, "fcmp ogt", inside, v.constant(-end), v.constant(-end), inside)
    found = t.op("fdiv", v.constant(1.0), _one_more(t, t.put(f"fneg {v.type} {inside}")))
    return _select(t, "fcmp olt", x, v.constant(end), "zeroinitializer", found)


def _least(t: Text, x: str, low: str) -> str:
    """x, but no less than low; NaN stays NaN."""
    return _select(t, "fcmp olt", x, low, low, x)


def _power(t: Text, x: str) -> str:
    """eˣ between the limits; NaN of NaN."""
    turns, less = _reduced(t, x)
    # A product, exact as 2ⁿ is. To add n to the exponent's bits takes an instruction less, but
    # would make a number of a NaN.
    return t.op("fmul", _two_to(t, turns), t.op("fadd", less, t.lanes.constant(1.0)))


def _one_more(t: Text, x: str) -> str:
    """1 + eˣ between the limits, as 2ⁿ (eʳ − 1) + (1 + 2ⁿ): in most cases rounded once."""
    turns, less = _reduced(t, x)
    scale = _two_to(t, turns)
    return t.fma(scale, less, t.op("fadd", scale, t.lanes.constant(1.0)))


def _two_to(t: Text, turns: str) -> str:
    """2ⁿ, n where the exponent of a number is."""
    v, bits = t.lanes, t.lanes.bits
    # 1.0 as an integer: its exponent, with the bias, where the exponent of a number is.
    one = f"splat (i{bits} {(2 ** (bits - FRACTION[bits] - 2) - 1) << FRACTION[bits]})"
    return t.put(f"bitcast {v.integers} {t.put(f'add {v.integers} {turns}, {one}')} to {v.type}")


def _reduced(t: Text, x: str) -> tuple[str, str]:
    """n, where the exponent of a number is, and eʳ − 1; eˣ = 2ⁿ eʳ."""
    v, bits = t.lanes, t.lanes.bits
    # Adding 1.5 · 2²³ (2⁵²) rounds x / log 2 to an integer, which then stands in the sum's last
    # bits: one instruction for rounding and conversion, and no need of one for vectors of 64-bit
    # integers, which AVX2 has not. 1.5, so that negative n do not borrow from the exponent.
    whole = v.constant(1.5 * 2 ** FRACTION[bits])
    shifted = t.fma(x, v.constant(1 / math.log(2)), whole)
    turns, r = t.op("fsub", shifted, whole), x
    for part in LOG2[bits]:
        r = t.fma(turns, v.constant(-part), r)
    less = t.fma(t.op("fmul", r, r), _polynomial(t, EXP[bits], r), r)
    number = t.put(f"bitcast {v.type} {shifted} to {v.integers}")
    return t.put(f"shl {v.integers} {number}, splat (i{bits} {FRACTION[bits]})"), less


def _polynomial(t: Text, coefficients: Sequence[float], x: str) -> str:
    """Horner's rule."""
    *rest, found = (t.lanes.constant(c) for c in coefficients)
    for c in reversed(rest):
        found = t.fma(found, x, c)
    return found


def _select(t: Text, compare: str, a: str, b: str, yes: str, no: str) -> str:
    v = t.lanes
    chosen = t.put(f"{compare} {v.type} {a}, {b}")
    return t.put(f"select {v.bools} {chosen}, {v.type} {yes}, {v.type} {no}")
