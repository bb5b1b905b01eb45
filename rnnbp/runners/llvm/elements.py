"""Machine code of arithmetic on single elements, as ``rnnbp.compiler.arithmetic`` has it."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.layers.choose import SET
from rnnbp.machine import special
from rnnbp.machine.ir import Text
from rnnbp.machine.powers import select

ZERO = "zeroinitializer"


def size(t: Text, x: str) -> str:
    """|x|."""
    return t.intrinsic("fabs", x)


def sign(t: Text, x: str) -> str:
    """1, 0 or −1; 0 for NaN."""
    above = select(t, "fcmp ogt", x, ZERO, t.lanes.constant(1.0), ZERO)
    return select(t, "fcmp olt", x, ZERO, t.lanes.constant(-1.0), above)


def above(t: Text, a: str, b: str) -> str:
    """1 where a > b or one is NaN, ½ where they are equal, else 0."""
    v = t.lanes
    found = select(t, "fcmp oeq", a, b, v.constant(0.5), v.constant(1.0))
    return select(t, "fcmp olt", a, b, ZERO, found)


def clip(t: Text, x: str, low: str, high: str) -> str:
    """x between two numbers; NaN stays NaN."""
    found = select(t, "fcmp olt", x, low, low, x)
    return select(t, "fcmp ogt", found, high, high, found)


def inside(t: Text, x: str, low: str, high: str) -> str:
    """1 from ``low`` to ``high``, both included, else 0."""
    found = select(t, "fcmp oge", x, low, t.lanes.constant(1.0), ZERO)
    return select(t, "fcmp ole", x, high, found, ZERO)


def at_least(t: Text, x: str, least: str) -> str:
    """1 from a number on, else 0; 0 for NaN."""
    return select(t, "fcmp oge", x, least, t.lanes.constant(1.0), ZERO)


def where(t: Text, x: str, a: str, b: str, least: str) -> str:
    """a where x is at least a number, else b."""
    return select(t, "fcmp oge", x, least, a, b)


def choose(t: Text, u: str, a: str, b: str) -> str:
    """a where the flag u is set, else b."""
    return where(t, u, a, b, t.lanes.constant(SET))


def keep(t: Text, u: str, a: str) -> str:
    """a where the flag u is set, else 0."""
    return choose(t, u, a, ZERO)


def drop(t: Text, u: str, a: str) -> str:
    """0 where the flag u is set, else a."""
    return choose(t, u, ZERO, a)


def leaky(t: Text, x: str, slope: str) -> str:
    """x above 0, else slope · x."""
    return select(t, "fcmp ogt", x, ZERO, x, t.op("fmul", x, slope))


def leaky_slope(t: Text, y: str, slope: str) -> str:
    """1 above 0, else the slope."""
    return select(t, "fcmp ogt", y, ZERO, t.lanes.constant(1.0), slope)


def elu(t: Text, x: str, alpha: str) -> str:
    """x above 0, else α(eˣ − 1)."""
    below = t.op("fmul", special.expm1(t, select(t, "fcmp ogt", x, ZERO, ZERO, x)), alpha)
    return select(t, "fcmp ogt", x, ZERO, x, below)


def elu_slope(t: Text, y: str, alpha: str) -> str:
    """1 above 0, else y + α."""
    return select(t, "fcmp ogt", y, ZERO, t.lanes.constant(1.0), t.op("fadd", y, alpha))


def rest(t: Text, y: str) -> str:
    """1 − e^(−y) for y ≥ 0."""
    v = t.lanes
    found = special.expm1(t, t.put(f"fneg {v.type} {y}"))
    return t.put(f"fneg {v.type} {found}")


def numbers(t: Text, attr: object) -> list[str]:
    """The numbers of an operation, in all lanes."""
    given: Sequence[object] = attr if isinstance(attr, tuple) else (attr,)
    found = [value for value in given if isinstance(value, float | int)]
    return [t.lanes.constant(float(value)) for value in found]
