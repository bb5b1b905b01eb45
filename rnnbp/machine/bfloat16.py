"""Pairs of bfloat16 numbers in 32 bits, and their products with float32 sums, as LLVM text.

bfloat16 is the upper half of a float32: 8 bits of exponent, 8 of significand. A *pair* is a number
of an even index in the lower half of 32 bits and its successor in the upper half, as they lie in
memory on a little-endian processor, and as ``vdpbf16ps`` takes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import processor, triple, vector_bytes

UPPER = "splat (i32 -65536)"
"""The upper halves."""
HALF = "splat (i32 16)"
LEAST = "0x3810000000000000"
"""2⁻¹²⁶, the smallest normal float32, as LLVM writes it."""
FLUSHING = 0x9FC0
"""A value of MXCSR: subnormal numbers count and come as 0, nearest even, no exception traps."""


@final
class Pairs:
    """Writes operations on vectors of pairs into a function."""

    def __init__(self, t: Text) -> None:
        self.t, self.kind, self.n = t, t.lanes.integers, t.lanes.n

    def load(self, pointer: str) -> str:
        return self.t.put(f"load {self.kind}, ptr {pointer}, align 4")

    def store(self, value: str, pointer: str) -> None:
        self.t.do(f"store {self.kind} {value}, ptr {pointer}, align 4")

    def broadcast(self, pointer: str) -> str:
        """The pair at an address, in all lanes."""
        one = self.t.put(f"load i32, ptr {pointer}, align 4")
        first = self.t.put(f"insertelement {self.kind} poison, i32 {one}, i32 0")
        zeros = f"<{self.n} x i32> zeroinitializer"
        return self.t.put(f"shufflevector {self.kind} {first}, {self.kind} poison, {zeros}")

    def op(self, name: str, *values: str) -> str:
        return self.t.put(f"{name} {self.kind} {', '.join(values)}")

    def floats(self, bits: str) -> str:
        return self.t.put(f"bitcast {self.kind} {bits} to {self.t.lanes.type}")

    def bits(self, floats: str) -> str:
        return self.t.put(f"bitcast {self.t.lanes.type} {floats} to {self.kind}")

    def lower(self, pairs: str) -> str:
        """The numbers of even indices, as float32."""
        return self.floats(self.op("shl", pairs, HALF))

    def upper(self, pairs: str) -> str:
        """The numbers of odd indices, as float32."""
        return self.floats(self.op("and", pairs, UPPER))


class Bfloat16(ABC):
    """How a processor rounds to bfloat16 and multiplies pairs; the numbers are the same by all.

    To nearest even; NaN stays NaN; subnormal numbers become 0 of their sign, before and after.
    """

    @abstractmethod
    def rounded(self, t: Text, even: str, odd: str) -> str:
        """The pairs of two vectors of float32, lane by lane."""

    @abstractmethod
    def in_order(self, t: Text, low: str, high: str) -> str:
        """The pairs of 2 n consecutive numbers of float32: n in ``low``, the next n in ``high``."""

    @abstractmethod
    def dots(self, t: Text, numbers: list[str], weights: list[str], sums: list[str]) -> list[str]:
        """sums[i, m] + numbers[i] · weights[m], of the pairs at these addresses.

        Each number is in all lanes. The product of the odd indices is added first, rounded, and
        then that of the even ones.
        """

    def begins(self, t: Text) -> str:
        """Before products in a function: subnormal numbers count and come as 0 from here on.

        Returns what ``ends`` takes.
        """
        before, own = t.put("alloca i32"), t.put("alloca i32")
        t.needs |= {f"declare void @llvm.x86.sse.{name}mxcsr(ptr)" for name in ("ld", "st")}
        t.do(f"call void @llvm.x86.sse.stmxcsr(ptr {before})")
        t.do(f"store i32 {FLUSHING}, ptr {own}")
        t.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {own})")
        return before

    def ends(self, t: Text, before: str) -> None:
        """After them: as it was before."""
        # What rounds is in functions that are called, so LLVM moves none of it past these calls.
        t.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {before})")

    def plus(self, t: Text, a: str, b: str) -> str:
        """The sum of two vectors of float32."""
        return t.op("fadd", a, b)


@final
class Native(Bfloat16):
    """By the instructions of AVX-512's BF16."""

    def rounded(self, t: Text, even: str, odd: str) -> str:
        n = t.lanes.n
        both = self._converted(t, even, odd)
        order = ", ".join(f"i32 {k}, i32 {n + k}" for k in range(n))
        kind = f"<{2 * n} x bfloat>"
        mixed = t.put(f"shufflevector {kind} {both}, {kind} poison, <{2 * n} x i32> <{order}>")
        return t.put(f"bitcast {kind} {mixed} to {t.lanes.integers}")

    def in_order(self, t: Text, low: str, high: str) -> str:
        found = self._converted(t, low, high)
        return t.put(f"bitcast <{2 * t.lanes.n} x bfloat> {found} to {t.lanes.integers}")

    def _converted(self, t: Text, low: str, high: str) -> str:
        """2 n numbers of bfloat16: those of ``low``, and then those of ``high``."""
        v = t.lanes
        name = f"<{2 * v.n} x bfloat> @llvm.x86.avx512bf16.cvtne2ps2bf16.{v.n * v.bits}"
        t.needs.add(f"declare {name}({v.type}, {v.type})")
        return t.put(f"call {name}({v.type} {high}, {v.type} {low})")

    def dots(self, t: Text, numbers: list[str], weights: list[str], sums: list[str]) -> list[str]:
        pairs, v = Pairs(t), t.lanes
        kind = f"<{2 * v.n} x bfloat>"
        name = f"{v.type} @llvm.x86.avx512bf16.dpbf16ps.{v.n * v.bits}"
        t.needs.add(f"declare {name}({v.type}, {kind}, {kind})")
        ws = [t.put(f"load {kind}, ptr {place}, align 4") for place in weights]
        found = list[str]()
        for i, place in enumerate(numbers):
            a = t.put(f"bitcast {v.integers} {pairs.broadcast(place)} to {kind}")
            for m, w in enumerate(ws):
                before = sums[i * len(ws) + m]
                found.append(t.put(f"call {name}({v.type} {before}, {kind} {a}, {kind} {w})"))
        return found


class Emulated(Bfloat16):
    """By float32 operations that every processor has, with the bits of ``Native``.

    Only where several numbers are NaN may it be a NaN of other bits.
    """

    def rounded(self, t: Text, even: str, odd: str) -> str:
        pairs = Pairs(t)
        low = pairs.op("lshr", self._nearest(pairs, even), HALF)
        return pairs.op("or", low, pairs.op("and", self._nearest(pairs, odd), UPPER))

    def in_order(self, t: Text, low: str, high: str) -> str:
        n, kind = t.lanes.n, t.lanes.type
        those = [", ".join(f"i32 {2 * k + odd}" for k in range(n)) for odd in (0, 1)]
        given = f"shufflevector {kind} {low}, {kind} {high}, <{n} x i32>"
        even, odd = (t.put(f"{given} <{order}>") for order in those)
        return self.rounded(t, even, odd)

    def _nearest(self, pairs: Pairs, floats: str) -> str:
        """float32 numbers rounded to bfloat16, as the upper halves of what is returned."""
        t, bits = pairs.t, pairs.bits(floats)
        last = pairs.op("and", pairs.op("lshr", bits, HALF), "splat (i32 1)")
        near = pairs.op("add", bits, pairs.op("add", last, "splat (i32 32767)"))
        exponent = pairs.op("and", bits, "splat (i32 2139095040)")
        sign = pairs.op("and", bits, "splat (i32 -2147483648)")
        quiet = pairs.op("or", bits, "splat (i32 4194304)")
        mask = t.lanes.bools
        small = t.put(f"icmp eq {pairs.kind} {exponent}, zeroinitializer")
        nan = t.put(f"fcmp uno {t.lanes.type} {floats}, {floats}")
        found = t.put(f"select {mask} {small}, {pairs.kind} {sign}, {pairs.kind} {near}")
        return t.put(f"select {mask} {nan}, {pairs.kind} {quiet}, {pairs.kind} {found}")

    def dots(self, t: Text, numbers: list[str], weights: list[str], sums: list[str]) -> list[str]:
        # Half by half, each of which loads the weights: both halves of all would take more
        # registers than AVX2 has.
        pairs, found = Pairs(t), sums
        for half in (pairs.upper, pairs.lower):
            ws = [half(pairs.load(place)) for place in weights]
            before, found = found, list[str]()
            for i, place in enumerate(numbers):
                a = half(pairs.broadcast(place))
                found += [
                    self.flushed(t, t.fma(a, w, before[i * len(ws) + m])) for m, w in enumerate(ws)
                ]
        return found

    def flushed(self, t: Text, value: str) -> str:
        """0 of its sign for a sum that is not normal, where the processor does not see to it."""
        return value


@final
class Stateless(Emulated):
    """The same for processors other than x86, by comparing each sum with the least normal number.

    A sum that is not normal and rounds up to the least number that is may be 0 or that number.
    """

    def begins(self, t: Text) -> str:
        return ""

    def ends(self, t: Text, before: str) -> None:
        pass

    def plus(self, t: Text, a: str, b: str) -> str:
        return self.flushed(t, t.op("fadd", self.flushed(t, a), self.flushed(t, b)))

    def dots(self, t: Text, numbers: list[str], weights: list[str], sums: list[str]) -> list[str]:
        return super().dots(t, numbers, weights, [self.flushed(t, one) for one in sums])

    def flushed(self, t: Text, value: str) -> str:
        v = t.lanes
        size, zero = t.intrinsic("fabs", value), v.constant(0.0)
        small = t.put(f"fcmp olt {v.type} {size}, splat ({v.scalar} {LEAST})")
        zeros = t.intrinsic("copysign", zero, value)
        return t.put(f"select {v.bools} {small}, {v.type} {zeros}, {v.type} {value}")


def native() -> bool:
    """True if this processor multiplies pairs of bfloat16 by one instruction."""
    return vector_bytes() == 64 and "+avx512bf16" in processor()[1].split(",")


def arithmetic(*, by_instruction: bool) -> Bfloat16:
    """The operations: ``Native``, where ``native`` says so, or those with the same bits."""
    if by_instruction:
        return Native()
    return Emulated() if triple().startswith(("x86_64", "i686", "amd64")) else Stateless()


def pair_count(depth: int) -> int:
    """Pairs of this many numbers; the last one of an odd number has a 0."""
    return -(-depth // 2)


def lanes() -> Lanes:
    """Vectors of float32, which are as wide as those of pairs."""
    return Lanes(32, vector_bytes() // 4)
