"""Pieces of functions on vectors: the reduction of eˣ, powers of 2, polynomials, choices.

The reductions are those of Cody & Waite (1980): eˣ = 2ⁿ eʳ with |r| ≤ ½ log 2. Polynomials
interpolate at Chebyshev nodes.
"""

# Comparisons put NaN on the side where it survives: they are ordered (olt, ogt), and so false for
# NaN, which then takes the branch that computes with x. A clamp by minnum would drop it.

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
LIMITS = {32: (-87.3, 88.3), 64: (-708.3, 709.4)}
"""Where eˣ is neither 0 nor infinite, and 2ⁿ a normal number: the exponent is set as bits."""
LOG2 = {32: (0.693359375, -2.12194440e-4), 64: (0.693145751953125, 1.42860682030941723212e-6)}
"""log 2 in two parts."""
# The first has so few bits that n times it is exact for all n that occur; the second is the rest.
# So r = x − n log 2 keeps its last bits, which one subtraction would lose where x is near n log 2.
FRACTION = {32: 23, 64: 52}
"""Bits of the fraction."""


def two_to(t: Text, turns: str) -> str:
    """2ⁿ, n where the exponent of a number is."""
    v, bits = t.lanes, t.lanes.bits
    # 1.0 as an integer: its exponent, with the bias, where the exponent of a number is.
    one = f"splat (i{bits} {(2 ** (bits - FRACTION[bits] - 2) - 1) << FRACTION[bits]})"
    return t.put(f"bitcast {v.integers} {t.put(f'add {v.integers} {turns}, {one}')} to {v.type}")


def reduced(t: Text, x: str) -> tuple[str, str, str]:
    """n as a number, n in the last bits of a number, and eʳ − 1; eˣ = 2ⁿ eʳ."""
    v, bits = t.lanes, t.lanes.bits
    # Adding 1.5 · 2²³ (2⁵²) rounds x / log 2 to an integer, which then stands in the sum's last
    # bits: one instruction for rounding and conversion, and no need of one for vectors of 64-bit
    # integers, which AVX2 has not. 1.5, so that negative n do not borrow from the exponent.
    whole = v.constant(1.5 * 2 ** FRACTION[bits])
    shifted = t.fma(x, v.constant(1 / math.log(2)), whole)
    turns, r = t.op("fsub", shifted, whole), x
    for part in LOG2[bits]:
        r = t.fma(turns, v.constant(-part), r)
    less = t.fma(t.op("fmul", r, r), polynomial(t, EXP[bits], r), r)
    return turns, shifted, less


def scaled(t: Text, x: str) -> tuple[str, str]:
    """n, where the exponent of a number is, and eʳ − 1."""
    v, bits = t.lanes, t.lanes.bits
    _, shifted, less = reduced(t, x)
    number = t.put(f"bitcast {v.type} {shifted} to {v.integers}")
    return t.put(f"shl {v.integers} {number}, splat (i{bits} {FRACTION[bits]})"), less


def polynomial(t: Text, coefficients: Sequence[float], x: str) -> str:
    """Horner's rule."""
    *rest, found = (t.lanes.constant(c) for c in coefficients)
    for c in reversed(rest):
        found = t.fma(found, x, c)
    return found


def select(t: Text, compare: str, a: str, b: str, yes: str, no: str) -> str:
    v = t.lanes
    chosen = t.put(f"{compare} {v.type} {a}, {b}")
    return t.put(f"select {v.bools} {chosen}, {v.type} {yes}, {v.type} {no}")


def power_less_one(t: Text, x: str) -> str:
    """eˣ − 1 between the limits, as 2ⁿ (eʳ − 1) + (2ⁿ − 1)."""
    turns, less = scaled(t, x)
    scale = two_to(t, turns)
    return t.fma(scale, less, t.op("fsub", scale, t.lanes.constant(1.0)))


def clamped(t: Text, x: str, low: float, high: float) -> str:
    """x between two numbers; NaN stays NaN."""
    inside = at_least(t, x, t.lanes.constant(low))
    top = t.lanes.constant(high)
    return select(t, "fcmp ogt", inside, top, top, inside)


def at_least(t: Text, x: str, low: str) -> str:
    """x, but no less than low; NaN stays NaN."""
    return select(t, "fcmp olt", x, low, low, x)


def power(t: Text, x: str) -> str:
    """eˣ between the limits; NaN of NaN."""
    turns, less = scaled(t, x)
    # A product, exact as 2ⁿ is. To add n to the exponent's bits takes an instruction less, but
    # would make a number of a NaN.
    return t.op("fmul", two_to(t, turns), t.op("fadd", less, t.lanes.constant(1.0)))


def one_more(t: Text, x: str) -> str:
    """1 + eˣ between the limits, as 2ⁿ (eʳ − 1) + (1 + 2ⁿ): in most cases rounded once."""
    turns, less = scaled(t, x)
    scale = two_to(t, turns)
    return t.fma(scale, less, t.op("fadd", scale, t.lanes.constant(1.0)))
