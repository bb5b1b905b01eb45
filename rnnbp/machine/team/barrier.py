"""Barriers: LLVM text by which threads wait until all of them have come.

A barrier is a counter that only grows. A thread adds 1 and waits until the counter has reached a
number that it knows; the next barrier uses the same counter with a larger number. A counter that is
set back to 0 would have to be set back while nobody looks, which takes a second barrier.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from rnnbp.machine.target import triple

SPINS = 4000
"""Looks at a number in memory before a waiting thread offers its core to others between looks."""
# By the processor x86's pause takes 13 ns (measured on a Xeon with AVX-512) to 45 ns (Intel says
# 140 cycles for Skylake), so these are 50 to 200 µs: threads of one job part by less than that if
# each has a core. Too few: sched_yield is called, 1 to 2 µs, when the other thread is about to
# come. Too many: where another process has the core of the thread that is waited for, this one
# burns time that it could use. Results do not depend on it.

_BARRIER = """
; All of a piece: add 1, then wait until `target` threads have come.
define internal void @meet(ptr %count, i64 %target) {{
  ; acq_rel. Release: what this thread wrote before is visible to whoever reads this count, or a
  ; later one, by the acquiring load in @await; each addition of the others continues the release
  ; sequence, so reading the last count is enough to see what every one of them wrote. Acquire is
  ; not needed, for @await always loads at least once, and costs nothing on x86 and ARMv8.1.
  %mine = atomicrmw add ptr %count, i64 1 acq_rel
  call void @await(ptr %count, i64 %target)
  ret void
}}

; Within a kernel: as @meet, for n threads; the target follows from how many have come before.
; Nobody can come to the next round before all have left this one's addition, so the n threads of
; a round find n counts in a row, and each works out the same round.
define void @gather(ptr %count, i64 %n) {{
  ; acq_rel: as in @meet.
  %before = atomicrmw add ptr %count, i64 1 acq_rel
  %round = sdiv i64 %before, %n
  %next = add i64 %round, 1
  %target = mul i64 %next, %n
  call void @await(ptr %count, i64 %target)
  ret void
}}

; Spin until the count is at least `target`.
define internal void @await(ptr %count, i64 %target) {{
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %more, %again ], [ %more, %offer ]
  ; Acquire: pairs with the additions in @meet, @gather and @leave. With monotonic ARM may do the
  ; loads that come after this one before it, and so read what was there before the others wrote;
  ; on x86 every load acquires, so tests there would not find it.
  %present = load atomic i64, ptr %count acquire, align 8
  %enough = icmp sge i64 %present, %target
  br i1 %enough, label %all.here, label %wait
wait:
  {pause}
  %more = add i64 %i, 1
  %long = icmp sgt i64 %i, {spins}
  br i1 %long, label %offer, label %again
again:
  br label %look
offer:
  {offer}
  br label %look
all.here:
  ret void
}}
"""


class Waiting(NamedTuple):
    """How a thread waits on this system, as LLVM text.

    Args:
        pause: tells the processor that the thread spins. offer: lets other threads have the core.
        declarations: of what both call. addresses: of the system's functions among these.
    """

    pause: str
    offer: str
    declarations: list[str]
    addresses: dict[str, int]


def waiting() -> Waiting:
    """How threads wait here."""
    x86 = triple().startswith(("x86_64", "i686"))
    give = _yield_address()
    return Waiting(
        # Nothing for ARM: its yield is a hint that most cores ignore.
        pause="call void @llvm.x86.sse2.pause()" if x86 else "",
        offer="%given = call i32 @sched_yield()" if give else "",
        declarations=["declare void @llvm.x86.sse2.pause()"] * x86
        + ["declare i32 @sched_yield()"] * bool(give),
        addresses={"sched_yield": give} if give else {},
    )


def text(how: Waiting) -> str:
    """The functions ``meet``, ``gather`` and ``await``."""
    return _BARRIER.format(spins=SPINS, pause=how.pause, offer=how.offer)


def _yield_address() -> int:
    """The address of the system's ``sched_yield``; 0 where it has none (Windows).

    Not by LLVM's search, which finds it only after a first library has been loaded: threads then
    never offered their core, and fell asleep after a tenth of the time that they should linger.
    """
    try:
        function = ctypes.CDLL(None).sched_yield
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0
