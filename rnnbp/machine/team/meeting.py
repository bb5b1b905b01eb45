"""How threads come together for a job in machine code, and part; none returns to Python in between.

Threads that have done their part linger for a while: the next job comes sooner than the system would wake them.
"""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm

from rnnbp.machine import rounding
from rnnbp.machine.compile import Library
from rnnbp.machine.team import jobs
from rnnbp.support.aside import aside
from rnnbp.support.lazy import cached

PATIENCE = jobs.SPINS + 2500
"""Looks for another job before a thread goes to sleep: about a millisecond, in which others may have its core."""
ASLEEP, WAITS, TAKEN, HAS, WORKS = range(5)
"""What a thread does, the first number in its box: it has gone to sleep; it waits, or has been woken; it is given a
job; it has one; it has begun. Then come its number, how many threads there are, and the job."""

_TEAM = """
define void @lead(ptr %boxes, i64 %w, ptr %job) {{
entry:
  br label %ask
ask:
  %i = phi i64 [ 0, %entry ], [ %i.next, %asked ]
  %n = phi i64 [ 1, %entry ], [ %n.next, %asked ]
  %others = icmp slt i64 %i, %w
  br i1 %others, label %try, label %hand
try:
  %box.at = getelementptr ptr, ptr %boxes, i64 %i
  %box = load ptr, ptr %box.at
  %found = cmpxchg ptr %box, i64 {waits}, i64 {taken} acquire monotonic
  %comes = extractvalue {{ i64, i1 }} %found, 1
  %number.at = getelementptr i64, ptr %box, i64 1
  br i1 %comes, label %number, label %asked
number:
  store i64 %n, ptr %number.at
  br label %asked
asked:
  %one = zext i1 %comes to i64
  %n.next = add i64 %n, %one
  %i.next = add i64 %i, 1
  br label %ask
hand:
  %j = phi i64 [ 0, %ask ], [ %j.next, %handed ]
  %rest = icmp slt i64 %j, %w
  br i1 %rest, label %look, label %own
look:
  %there.at = getelementptr ptr, ptr %boxes, i64 %j
  %there = load ptr, ptr %there.at
  %state = load atomic i64, ptr %there monotonic, align 8
  %ready = icmp eq i64 %state, {taken}
  br i1 %ready, label %give, label %handed
give:
  %n.at = getelementptr i64, ptr %there, i64 2
  store i64 %n, ptr %n.at
  %job.at = getelementptr i64, ptr %there, i64 3
  store ptr %job, ptr %job.at
  store atomic i64 {has}, ptr %there release, align 8
  br label %handed
handed:
  %j.next = add i64 %j, 1
  br label %hand
own:
  call void @drive(ptr %job, i64 0, i64 %n)
  br label %back
back:
  %l = phi i64 [ 0, %own ], [ %l.next, %taken ]
  %began = phi i64 [ %n, %own ], [ %began.next, %taken ]
  %any = icmp slt i64 %l, %w
  br i1 %any, label %take, label %last
take:
  %late.at = getelementptr ptr, ptr %boxes, i64 %l
  %late = load ptr, ptr %late.at
  %was = cmpxchg ptr %late, i64 {has}, i64 {waits} acquire monotonic
  %idle = extractvalue {{ i64, i1 }} %was, 1
  br label %taken
taken:
  %none = zext i1 %idle to i64
  %began.next = sub i64 %began, %none
  %l.next = add i64 %l, 1
  br label %back
last:
  %those = sub i64 %began, 1
  call void @await.end(ptr %job, i64 %those)
  ret void
}}

define internal void @await.end(ptr %job, i64 %those) {{
{job}
  %ended = getelementptr i64, ptr %counts, i64 1
  call void @await(ptr %ended, i64 %those)
  ret void
}}

define void @serve(ptr %box) {{
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ 0, %work ], [ 0, %begin ], [ %more, %wait ], [ %more, %offer ]
  %state = load atomic i64, ptr %box monotonic, align 8
  switch i64 %state, label %wait [ i64 {has}, label %begin i64 {asleep}, label %end ]
begin:
  %was = cmpxchg ptr %box, i64 {has}, i64 {works} acquire monotonic
  %mine = extractvalue {{ i64, i1 }} %was, 1
  br i1 %mine, label %work, label %look
work:
  %k.at = getelementptr i64, ptr %box, i64 1
  %k = load i64, ptr %k.at
  %n.at = getelementptr i64, ptr %box, i64 2
  %n = load i64, ptr %n.at
  %job.at = getelementptr i64, ptr %box, i64 3
  %job = load ptr, ptr %job.at
  call void @drive(ptr %job, i64 %k, i64 %n)
  call void @part(ptr %job, ptr %box)
  br label %look
wait:
  {pause}
  %more = add i64 %i, 1
  %long = icmp sgt i64 %i, {spins}
  br i1 %long, label %late, label %look
late:
  %longer = icmp sgt i64 %i, {patience}
  br i1 %longer, label %leave, label %offer
leave:
  %found = cmpxchg ptr %box, i64 {waits}, i64 {asleep} release monotonic
  %left = extractvalue {{ i64, i1 }} %found, 1
  br i1 %left, label %end, label %offer
offer:
  {offer}
  br label %look
end:
  ret void
}}

define internal void @part(ptr %job, ptr %box) {{
{job}
  %ended = getelementptr i64, ptr %counts, i64 1
  store atomic i64 {waits}, ptr %box release, align 8
  %mine = atomicrmw add ptr %ended, i64 1 release
  ret void
}}
"""


def _yields() -> int:
    """The address of the system's ``sched_yield``; 0 where it has none (Windows).

    Not by LLVM's search, which finds it only after a first library has been loaded: threads then
    never offered their core, and fell asleep after a tenth of the time that they should linger.
    """
    try:
        function = ctypes.CDLL(None).sched_yield
    except (AttributeError, OSError, TypeError):
        return 0
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def text() -> tuple[str, dict[str, int]]:
    """The functions ``lead`` and ``serve``, those of ``jobs``, and the addresses of what they call.

    ``lead(boxes, w, job)`` does a job with those of w threads that do not sleep, and returns when none of them looks
    at it any more; ``serve(box)`` is the other threads, until they have waited for long. A job of tasks alone does
    not wait for a thread that has not begun when all is done; in others they meet.
    """
    x86 = llvm.get_default_triple().startswith(("x86_64", "i686"))
    give = _yields()
    declarations = ["declare void @llvm.x86.sse2.pause()"] * x86 + ["declare i32 @sched_yield()"] * bool(give)
    pause = "call void @llvm.x86.sse2.pause()" if x86 else ""
    offer = "%given = call i32 @sched_yield()" if give else ""
    team = _TEAM.format(
        job=jobs.loaded(),
        spins=jobs.SPINS,
        patience=PATIENCE,
        asleep=ASLEEP,
        waits=WAITS,
        taken=TAKEN,
        has=HAS,
        works=WORKS,
        pause=pause,
        offer=offer,
    )
    floats = rounding.text(llvm.get_default_triple())
    driven = jobs.text(pause, offer, floats.begin, floats.end)
    return "\n".join([*declarations, floats.declarations, driven, team]), {"sched_yield": give} if give else {}


@cached
def library() -> Library:
    """The functions in machine code."""
    return Library(*aside(text))
