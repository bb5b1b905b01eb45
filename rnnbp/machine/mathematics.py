"""exp, tanh and the logistic function on vectors.

The pieces are those of ``powers``; tanh x = 1 − 2 / (e²ˣ + 1) away from 0.

LLVM's own ``exp`` on a vector is a call of the C library for each lane, with that library's bits.
Here every processor computes the same polynomial with fused multiply-adds, so the bits depend on
nothing but the number. Infinities give the limits, and NaN gives NaN.
"""

# Comparisons below put NaN on the side where it survives: they are ordered (olt, oge), and so false
# for NaN, which then takes the branch that computes with x. A clamp by minnum would drop it.

from __future__ import annotations

from rnnbp.machine.ir import Text
from rnnbp.machine.powers import LIMITS, at_least, one_more, polynomial, power, select

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


def exp(t: Text, x: str) -> str:
    """eˣ for x ≤ 0; 0 where it is below the least normal number."""
    # Who uses it subtracts the largest number before, or takes −|x|: so no upper limit.
    low = t.lanes.constant(LIMITS[t.lanes.bits][0])
    return select(t, "fcmp olt", x, low, "zeroinitializer", power(t, at_least(t, x, low)))


def tanh(t: Text, x: str) -> str:
    """tanh x."""
    v = t.lanes
    square, size = t.op("fmul", x, x), t.intrinsic("fabs", x)
    near = t.fma(t.op("fmul", square, x), polynomial(t, TANH[v.bits], square), x)
    high = v.constant(LIMITS[v.bits][1])
    # By |x|, so that tanh(−x) is −tanh(x) to the last bit; the sign comes back at the end. Clamped
    # where e²ˣ would overflow: there the quotient is below half a unit of the last place of 1.
    double = t.op("fadd", size, size)
    more = one_more(t, select(t, "fcmp olt", double, high, double, high))
    far = t.op("fsub", v.constant(1.0), t.op("fdiv", v.constant(2.0), more))
    # NaN is near: the comparison is false for it.
    return t.intrinsic("copysign", select(t, "fcmp oge", size, v.constant(NEAR), far, near), x)


def sigmoid(t: Text, x: str) -> str:
    """1 / (1 + e⁻ˣ); 0 where it is below the least normal number."""
    # Not the subnormal number that it would be: gates multiply, and products of subnormal numbers
    # made kernels many times as slow.
    v, end = t.lanes, LIMITS[t.lanes.bits][0]
    inside = at_least(t, x, v.constant(end))
    inside = select(t, "fcmp ogt", inside, v.constant(-end), v.constant(-end), inside)
    found = t.op("fdiv", v.constant(1.0), one_more(t, t.put(f"fneg {v.type} {inside}")))
    return select(t, "fcmp olt", x, v.constant(end), "zeroinitializer", found)
