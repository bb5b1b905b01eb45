"""LLVM's language, written line by line: functions, counted loops, vectors with masked ends.

Text, not llvmlite's builder of objects: a text can be hashed for the cache on disk before anything
is compiled, read in a test, and written where there is no llvmlite.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Lanes:
    """Vectors of n floating-point numbers of 32 or 64 bits."""

    bits: int
    n: int

    @property
    def scalar(self) -> str:
        """The type of one number."""
        return "float" if self.bits == 32 else "double"

    @property
    def type(self) -> str:
        """The type of a vector."""
        return f"<{self.n} x {self.scalar}>"

    @property
    def integers(self) -> str:
        """The type of a vector of integers as wide."""
        return f"<{self.n} x i{self.bits}>"

    @property
    def bools(self) -> str:
        """The type of a mask."""
        return f"<{self.n} x i1>"

    @property
    def suffix(self) -> str:
        """How LLVM's intrinsics name the type."""
        return f"v{self.n}f{self.bits}"

    @property
    def nbytes(self) -> int:
        return self.bits // 8

    def constant(self, value: float) -> str:
        """A number in every lane."""
        return f"splat ({self.scalar} {number(value, self.bits)})"

    def mask(self, count: int) -> str:
        """The first lanes alone."""
        return "<" + ", ".join(f"i1 {int(k < count)}" for k in range(self.n)) + ">"


def number(value: float, bits: int) -> str:
    """A number as LLVM writes it, to the last bit."""
    # LLVM takes the bits of a double for both types; for a float it must be one that fits exactly,
    # so it is rounded here. Decimal digits would be refused where they are not exact.
    if bits == 32:
        value = struct.unpack("f", struct.pack("f", value))[0]
    return f"0x{struct.unpack('>Q', struct.pack('>d', value))[0]:016X}"


@dataclass
class Loop:
    """A loop's counter, and the values that it carries from one turn to the next."""

    index: str
    carried: list[str]
    after: list[str] = field(default_factory=list)
    """What the next turn starts with; to be set inside."""


class Text:
    """The body of a function in the making."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.lines: list[str] = []
        self.block = "entry"
        self._count = 0
        self.needs: set[str] = set()
        """Declarations of what is called."""

    def name(self, stem: str = "") -> str:
        self._count += 1
        return f"%{stem or 'v'}{self._count}"

    def put(self, expression: str, stem: str = "") -> str:
        """The name of the value of an instruction."""
        self._count += 1  # as ``name``, whose call would take a third of the time
        found = f"%{stem or 'v'}{self._count}"
        self.lines.append(f"  {found} = {expression}")
        return found

    def do(self, instruction: str) -> None:
        self.lines.append(f"  {instruction}")

    def label(self, block: str) -> None:
        self.lines.append(f"{block}:")
        self.block = block

    def times(self, a: str, b: str | int) -> str:
        return self.put(f"mul nsw i64 {a}, {b}")

    def plus(self, a: str, b: str | int) -> str:
        return self.put(f"add nsw i64 {a}, {b}")

    def at(self, pointer: str, index: str | int, lanes: Lanes | None = None) -> str:
        """The address of an element of an array; ``lanes``: of such numbers."""
        # inbounds: LLVM may then fold sums of offsets into the addressing of loads.
        kind = (lanes or self.lanes).scalar
        return self.put(f"getelementptr inbounds {kind}, ptr {pointer}, i64 {index}", "p")

    def beyond(self, pointer: str, index: str | int) -> str:
        """An address that may lie outside the array."""
        return self.put(f"getelementptr {self.lanes.scalar}, ptr {pointer}, i64 {index}", "p")

    def load(self, pointer: str, mask: str | None = None, lanes: Lanes | None = None) -> str:
        """A vector, of these ``lanes``; with a mask, zeros in the other lanes."""
        # Aligned to a number only: rows of any length begin anywhere. Unaligned loads of aligned
        # addresses cost nothing on processors with AVX2 or later.
        v = lanes or self.lanes
        size = v.nbytes
        if mask is None:
            return self.put(f"load {v.type}, ptr {pointer}, align {size}")
        self.needs.add(
            f"declare {v.type} @llvm.masked.load.{v.suffix}.p0(ptr, {v.bools}, {v.type})"
        )
        given = f"ptr align {size} {pointer}, {v.bools} {mask}, {v.type} zeroinitializer"
        call = f"@llvm.masked.load.{v.suffix}.p0({given})"
        return self.put(f"call {v.type} {call}")

    def store(self, value: str, pointer: str, mask: str | None = None) -> None:
        """Store a vector; with a mask, only its lanes: the others may be another thread's."""
        v, size = self.lanes, self.lanes.nbytes
        if mask is None:
            self.do(f"store {v.type} {value}, ptr {pointer}, align {size}")
            return
        self.needs.add(f"declare void @llvm.masked.store.{v.suffix}.p0({v.type}, ptr, {v.bools})")
        given = f"{v.type} {value}, ptr align {size} {pointer}, {v.bools} {mask}"
        self.do(f"call void @llvm.masked.store.{v.suffix}.p0({given})")

    def fetch(self, pointer: str, *, written: bool) -> None:
        """Ask for the cache line of an address, to be read or ``written``; it may lie anywhere."""
        # 3: into all levels of the cache. 1: data, not instructions.
        self.needs.add("declare void @llvm.prefetch.p0(ptr, i32, i32, i32)")
        self.do(f"call void @llvm.prefetch.p0(ptr {pointer}, i32 {int(written)}, i32 3, i32 1)")

    def every(self, scalar: str) -> str:
        """A number in all lanes."""
        v = self.lanes
        first = self.put(f"insertelement {v.type} poison, {v.scalar} {scalar}, i32 0")
        return self.put(
            f"shufflevector {v.type} {first}, {v.type} poison, <{v.n} x i32> zeroinitializer"
        )

    def broadcast(self, pointer: str) -> str:
        """The number at an address, in all lanes."""
        return self.every(
            self.put(f"load {self.lanes.scalar}, ptr {pointer}, align {self.lanes.nbytes}")
        )

    def op(self, name: str, *values: str) -> str:
        """An operation of LLVM on vectors, as fadd."""
        return self.put(f"{name} {self.lanes.type} {', '.join(values)}")

    def fma(self, a: str, b: str, c: str) -> str:
        """a b + c, rounded once."""
        return self.intrinsic("fma", a, b, c)

    def intrinsic(self, name: str, *values: str) -> str:
        """An intrinsic of LLVM on vectors."""
        v = self.lanes
        self.needs.add(
            f"declare {v.type} @llvm.{name}.{v.suffix}({', '.join([v.type] * len(values))})"
        )
        return self.put(
            f"call {v.type} @llvm.{name}.{v.suffix}({', '.join(f'{v.type} {a}' for a in values)})"
        )

    def bits(self, bits: str) -> str:
        """The mask whose lanes are the bits of an integer, the lowest first."""
        n = self.lanes.n
        return self.put(
            f"bitcast i{n} {self.put(f'trunc i64 {bits} to i{n}')} to {self.lanes.bools}"
        )

    def both(self, one: str, other: str) -> str:
        """Whether two comparisons hold."""
        return self.put(f"and i1 {self.put(one)}, {self.put(other)}")

    def where(self, yes: str, mask: str) -> str:
        """A mask, or that of no lane."""
        kind = self.lanes.bools
        return self.put(f"select i1 {yes}, {kind} {mask}, {kind} zeroinitializer")

    def first(self, count: str) -> str:
        """The mask of the first ``count`` lanes."""
        # By a comparison, not by LLVM's get.active.lane.mask: counts may be negative (no lane) or
        # larger than a vector (all), as at the last turn of a loop.
        v = self.lanes
        kind = f"<{v.n} x i64>"
        first = self.put(f"insertelement {kind} poison, i64 {count}, i32 0")
        every = self.put(
            f"shufflevector {kind} {first}, {kind} poison, <{v.n} x i32> zeroinitializer"
        )
        steps = "<" + ", ".join(f"i64 {k}" for k in range(v.n)) + ">"
        return self.put(f"icmp sgt {kind} {every}, {steps}")

    @contextmanager
    def loop(
        self,
        start: str | int,
        stop: str | int,
        step: str | int = 1,
        *,
        down: bool = False,
        carried: Sequence[tuple[str, str]] = (),
    ) -> Iterator[Loop]:
        """From start up to, not including, stop; or ``down`` from stop − 1 to start, one by one.

        Args:
            carried: (type, first value) of each value that goes from turn to turn in a register;
                ``Loop.after`` says what the next turn starts with.
        """
        number = self._count = self._count + 1
        head, body, end = f"head{number}", f"body{number}", f"end{number}"
        first = self.plus(str(stop), -1) if down else str(start)
        before, values = self.block, [("i64", first), *carried]
        self.do(f"br label %{head}")
        self.label(head)
        # The phis that carry values name what the body computes, which is not known before it has
        # been written: so they are inserted at the head afterwards, at ``at``.
        at, found = len(self.lines), Loop(f"%i{number}", _carried(number, len(carried)))
        test = f"sge i64 {found.index}, {start}" if down else f"slt i64 {found.index}, {stop}"
        self.do(f"br i1 {self.put(f'icmp {test}')}, label %{body}, label %{end}")
        self.label(body)
        yield found
        thens = [self.plus(found.index, -1 if down else step), *found.after]
        last, names = self.block, [found.index, *found.carried]
        self.do(f"br label %{head}")
        self.lines[at:at] = [
            f"  {name} = phi {kind} [ {value}, %{before} ], [ {then}, %{last} ]"
            for (kind, value), name, then in zip(values, names, thens, strict=True)
        ]
        self.label(end)

    def function(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        internal: bool = False,
        value: tuple[str, str] = ("void", ""),
    ) -> str:
        """The whole function; it returns nothing, or a ``value`` of a type."""
        start = (
            f"define {'internal ' if internal else ''}{value[0]} @{name}({', '.join(arguments)}) {{"
        )
        return "\n".join(
            [start, "entry:", *self.lines, f"  ret {' '.join(value).rstrip()}", "}", ""]
        )


def _carried(number: int, count: int) -> list[str]:
    """The variables of the values that a loop carries."""
    return [f"%c{number}.{k}" for k in range(count)]
