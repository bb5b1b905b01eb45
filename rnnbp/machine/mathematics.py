"""exp, tanh and the logistic function on vectors.

Polynomials interpolate at Chebyshev nodes; the reductions are those of Cody & Waite (1980): eˣ = 2ⁿ eʳ with
|r| ≤ ½ log 2, and tanh x = 1 − 2 / (e²ˣ + 1) away from 0. Infinities and NaN come out as they should.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnbp.machine.ir import Text

EXP = {
    32: (0.5, 0.16666573381900845, 0.04166655011030512, 0.008363773874405574, 0.0013926926614021918),
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
LIMITS = {32: (-87.3, 88.3), 64: (-708.3, 709.4)}
"""Where eˣ is neither 0 nor infinite."""
LOG2 = {32: (0.693359375, -2.12194440e-4), 64: (0.693145751953125, 1.42860682030941723212e-6)}
"""log 2 in two parts, the first of few bits."""
FRACTION = {32: 23, 64: 52}
"""Bits of the fraction."""


def exp(t: Text, x: str) -> str:
    """eˣ for x ≤ 0; 0 where it is below the least normal number."""
    low = t.lanes.constant(LIMITS[t.lanes.bits][0])
    return _select(t, "fcmp olt", x, low, "zeroinitializer", _power(t, _least(t, x, low)))


def tanh(t: Text, x: str) -> str:
    """tanh x."""
    v = t.lanes
    square, size = t.op("fmul", x, x), t.intrinsic("fabs", x)
    near = t.fma(t.op("fmul", square, x), _polynomial(t, TANH[v.bits], square), x)
    high = v.constant(LIMITS[v.bits][1])
    double = t.op("fadd", size, size)
    more = _one_more(t, _select(t, "fcmp olt", double, high, double, high))
    far = t.op("fsub", v.constant(1.0), t.op("fdiv", v.constant(2.0), more))
    return t.intrinsic("copysign", _select(t, "fcmp oge", size, v.constant(NEAR), far, near), x)  # NaN is near


def sigmoid(t: Text, x: str) -> str:
    """1 / (1 + e⁻ˣ); 0 where it is below the least normal number, for those beneath take many times as long."""
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
    # A product, exact as 2ⁿ is: n added to the exponent would make a number of NaN, whose bits may be any.
    return t.op("fmul", _two_to(t, turns), t.op("fadd", less, t.lanes.constant(1.0)))


def _one_more(t: Text, x: str) -> str:
    """1 + eˣ between the limits, as 2ⁿ (eʳ − 1) + (1 + 2ⁿ): in most cases rounded once."""
    turns, less = _reduced(t, x)
    scale = _two_to(t, turns)
    return t.fma(scale, less, t.op("fadd", scale, t.lanes.constant(1.0)))


def _two_to(t: Text, turns: str) -> str:
    """2ⁿ, n where the exponent of a number is."""
    v, bits = t.lanes, t.lanes.bits
    one = f"splat (i{bits} {(2 ** (bits - FRACTION[bits] - 2) - 1) << FRACTION[bits]})"  # as a number
    return t.put(f"bitcast {v.integers} {t.put(f'add {v.integers} {turns}, {one}')} to {v.type}")


def _reduced(t: Text, x: str) -> tuple[str, str]:
    """n, where the exponent of a number is, and eʳ − 1; eˣ = 2ⁿ eʳ."""
    v, bits = t.lanes, t.lanes.bits
    whole = v.constant(1.5 * 2 ** FRACTION[bits])  # what is added to it is rounded to an integer, in the last bits
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
