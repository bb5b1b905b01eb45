"""LLVM text of integers: numbers that a function is passed, and those in the lanes of a vector."""

from __future__ import annotations

from collections.abc import Iterable

from rnnbp.machine.ir import Text


def passed(t: Text, names: Iterable[str]) -> dict[str, str]:
    """Numbers by name, read from %sizes."""
    found = {}
    for k, name in enumerate(names):
        place = t.put(f"getelementptr inbounds i64, ptr %sizes, i64 {k}")
        found[name] = t.put(f"load i64, ptr {place}, align 8")
    return found


def every(t: Text, number: str) -> str:
    """An i64 in all lanes, as integers as wide as the numbers."""
    kind, n, bits = t.lanes.integers, t.lanes.n, t.lanes.bits
    short = number if bits == 64 else t.put(f"trunc i64 {number} to i{bits}")
    first = t.put(f"insertelement {kind} poison, i{bits} {short}, i32 0")
    return t.put(f"shufflevector {kind} {first}, {kind} poison, <{n} x i32> zeroinitializer")


def of(t: Text, name: str, a: str, b: str) -> str:
    """An operation of LLVM on vectors of integers, as add."""
    return t.put(f"{name} {t.lanes.integers} {a}, {b}")


def divided(t: Text, a: str, by: str) -> tuple[str, str]:
    """Quotient and rest of integers from 0 to 2³¹, by an i64."""
    # By doubles, because vectors have no division of integers: one by one they take longer than
    # all else that windows need. (a + ½) / b is at least ½ / b away from every integer, which is
    # more than it is rounded by.
    kind, wide, others = t.lanes.integers, f"<{t.lanes.n} x double>", every(t, by)
    number, other = (t.put(f"sitofp {kind} {k} to {wide}") for k in (a, others))
    half = t.put(f"fadd {wide} {number}, splat (double 0.5)")
    quotient = t.put(f"fptosi {wide} {t.put(f'fdiv {wide} {half}, {other}')} to {kind}")
    return quotient, of(t, "sub", a, of(t, "mul", quotient, others))


def steps(t: Text) -> str:
    """0, 1, ..., n − 1."""
    bits = t.lanes.bits
    return "<" + ", ".join(f"i{bits} {k}" for k in range(t.lanes.n)) + ">"


def gathered(t: Text, start: str, offsets: str, mask: str, other: str) -> str:
    """Numbers at offsets from an address; ``other`` in lanes without."""
    v = t.lanes
    pointers = t.put(f"getelementptr {v.scalar}, ptr {start}, {v.integers} {offsets}")
    name = f"@llvm.masked.gather.{v.suffix}.v{v.n}p0"
    t.needs.add(f"declare {v.type} {name}(<{v.n} x ptr>, {v.bools}, {v.type})")
    many = f"<{v.n} x ptr> align {v.nbytes} {pointers}"
    return t.put(f"call {v.type} {name}({many}, {v.bools} {mask}, {v.type} {other})")
