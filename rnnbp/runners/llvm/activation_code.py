"""Activations in machine code, on numbers that lie one after the other, or on rows of K."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.machine import special
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.rows import Row
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm.activation_rows import ROWS
from rnnbp.runners.llvm.operations import POINTWISE
from rnnbp.support.lazy import cached

FORWARD = Signature("ptr %x", "ptr %y", "i64 %K", "i64 %n")
BACK = Signature("ptr %s", "ptr %dy", "ptr %dx", "i64 %K", "i64 %n")
"""``s`` is what the layer saves, its input or its output; n numbers, or n rows of K."""
Numbers: TypeAlias = tuple[float, ...]
"""The settings of a layer that its code depends on."""
Vectors: TypeAlias = Callable[[Text, Sequence[str], Numbers], str]
"""Writes instructions for vectors of its arguments; returns the variable of the result."""


@dataclass(frozen=True)
class Pair:
    """An activation of each element alone: y of (x,), and dx of (s, dy)."""

    y: Vectors
    dx: Vectors


def _op(name: str) -> Vectors:
    """An operation of kernels."""
    return lambda t, given, numbers: POINTWISE[name].emit(t, given, numbers)


def _times(slope: Vectors) -> Vectors:
    """dy · slope, the slope of (s,)."""
    return lambda t, given, numbers: t.op("fmul", given[1], slope(t, given[:1], numbers))


def _half_over(t: Text, given: Sequence[str], _: Numbers) -> str:
    return t.op("fmul", t.op("fdiv", given[1], given[0]), t.lanes.constant(0.5))


def _one_less(t: Text, y: str) -> str:
    return t.op("fsub", t.lanes.constant(1.0), y)


def _square(t: Text, given: Sequence[str], _: Numbers) -> str:
    return t.op("fmul", given[0], given[0])


def _gelu(t: Text, given: Sequence[str], _: Numbers) -> str:
    return t.op("fmul", given[0], special.phi(t, given[0]))


def _gelu_slope(t: Text, given: Sequence[str], _: Numbers) -> str:
    """Φ(x) + x φ(x)."""
    (x,), v = given, t.lanes
    phi, power = special.Normal.of(t, x)
    density = t.op("fmul", power, v.constant(0.3989422804014327))  # 1 / √(2π)
    return t.fma(density, x, phi)


ELEMENTS: dict[str, Pair] = {
    "Sigmoid": Pair(_op("sigmoid"), _times(lambda t, y, _: t.op("fmul", y[0], _one_less(t, y[0])))),
    "Tanh": Pair(_op("tanh"), _times(lambda t, y, _: _one_less(t, _square(t, y, ())))),
    "ReLU": Pair(_op("relu"), _times(_op("step"))),
    "LeakyReLU": Pair(_op("leaky"), _times(_op("leaky_slope"))),
    "ELU": Pair(_op("elu"), _times(_op("elu_slope"))),
    "GELU": Pair(_gelu, _times(_gelu_slope)),
    "Softplus": Pair(_op("softplus"), _times(_op("rest"))),
    "Exp": Pair(_op("exp"), _times(lambda t, y, _: y[0])),
    "Log": Pair(_op("log"), lambda t, given, _: t.op("fdiv", given[1], given[0])),
    "Sqrt": Pair(_op("sqrt"), _half_over),
    "Square": Pair(_square, _times(lambda t, x, _: t.op("fadd", x[0], x[0]))),
}
"""By the name of a layer."""


@cached
def library(name: str, numbers: Numbers, bits: int, nbytes: int) -> Library:
    """The functions of a layer for vectors of ``nbytes`` of numbers of this many bits."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    made = _by_rows(name, lanes) if name in ROWS else _by_elements(ELEMENTS[name], numbers, lanes)
    found, needs = list[str](), set[str]()
    for body, key, signature in zip(made, ("forward", "back"), (FORWARD, BACK), strict=True):
        found += [body.function(key, signature.arguments), signature.task(key)]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))


def _by_elements(pair: Pair, numbers: Numbers, lanes: Lanes) -> tuple[Text, Text]:
    t, back = Text(lanes), Text(lanes)
    Row(t, "%n").each(
        lambda i, m: t.store(pair.y(t, [t.load(t.at("%x", i), m)], numbers), t.at("%y", i), m)
    )

    def work(i: str, m: str | None) -> None:
        given = [back.load(back.at(name, i), m) for name in ("%s", "%dy")]
        back.store(pair.dx(back, given, numbers), back.at("%dx", i), m)

    Row(back, "%n").each(work)
    return t, back


def _by_rows(name: str, lanes: Lanes) -> tuple[Text, Text]:
    t, back = Text(lanes), Text(lanes)
    forward, backward = ROWS[name]
    with t.loop(0, "%n") as rows:
        at = t.times(rows.index, "%K")
        forward(t, t.at("%x", at), t.at("%y", at))
    with back.loop(0, "%n") as rows:
        at = back.times(rows.index, "%K")
        backward(back, *(back.at(key, at) for key in ("%s", "%dy", "%dx")))
    return t, back
