"""The mode of floating-point arithmetic: rounding, traps, and what becomes of subnormal numbers.

The mode belongs to a thread. A library may set flush-to-zero in the thread that calls this one, and
a new thread inherits the mode of the thread that starts it, so that results would depend on which
thread did what. Every thread therefore sets the mode of IEEE 754 (subnormal numbers as they are,
rounding to nearest, no traps) before its part of a job, and restores its own after it.

One kind of job, the delta recursion, sets flush-to-zero in every thread. Deltas of long sequences
decay until they are subnormal, and stay so; Intel's processors take many times as long for such
results, and a run full of them took several times as long. What is lost is below 1.2e-38 (2.3e-308
in float64). ARM's processors take no longer, so nothing is flushed there.
"""

from __future__ import annotations

from typing import NamedTuple

IEEE_X86 = 0x1F80
"""MXCSR: all exceptions masked, round to nearest, neither flush-to-zero nor denormals-are-zero."""
FLUSH_X86 = 15
"""The bit of MXCSR by which results below the normal numbers are 0."""


class Mode(NamedTuple):
    """LLVM's text: at the beginning of a function, at its end, and what these call."""

    begin: str = ""
    end: str = ""
    declarations: str = ""


# On x86 through memory, as the instructions have no other form. Flush-to-zero alone, not
# denormals-are-zero: a subnormal weight or input must still count as what it is.
_X86 = Mode(
    begin=f"""\
  %mode.kept = alloca i32
  %mode.ieee = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %mode.kept)
  %mode.flush = shl i64 %flush, {FLUSH_X86}
  %mode.all = or i64 %mode.flush, {IEEE_X86}
  %mode.bits = trunc i64 %mode.all to i32
  store i32 %mode.bits, ptr %mode.ieee
  call void @llvm.x86.sse.ldmxcsr(ptr %mode.ieee)""",
    end="  call void @llvm.x86.sse.ldmxcsr(ptr %mode.kept)",
    declarations="""\
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)""",
)
# FPCR 0 is IEEE's mode: all bits of traps, flushing and other roundings are off.
_ARM = Mode(
    begin="""\
  %mode.kept = call i64 @llvm.aarch64.get.fpcr()
  call void @llvm.aarch64.set.fpcr(i64 0)""",
    end="  call void @llvm.aarch64.set.fpcr(i64 %mode.kept)",
    declarations="""\
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)""",
)


def text(triple: str) -> Mode:
    """For a processor, by LLVM's name of it; nothing for kinds other than x86 and ARM of 64 bits.

    On x86 results are flushed to zero where ``%flush``, of the job, is 1.
    """
    if triple.startswith(("x86_64", "i686")):
        return _X86
    return _ARM if triple.startswith(("aarch64", "arm64")) else Mode()
