"""A job that threads do together, in machine code.

It goes in pieces. In each, every thread takes its share of the batch through a kernel; when all are there, they do the
piece's tasks, one by one, as they come free; then the next piece begins.
"""

from __future__ import annotations

from rnnbp.machine.calls import FOLLOWS, NUMBERS, loads

COUNTERS = 8
"""Numbers before those that count the tasks taken of each piece: threads that have come together, that have ended,
that have come together within kernels."""
JOB = ("run", "places", "width", "lengths", "tasks", "G", "counts", "bases", "P", "B", "S", "U", "F")
"""Numbers of a job: P pieces, with their ``lengths`` in steps, with the places of ``width`` arrays and G tasks each;
``counts`` are P and ``COUNTERS`` zeros, ``bases`` where the job's arrays begin; the kernel ``run``, B and S as a kernel
takes them: none where B is 0. With U threads share each product's columns too: within the kernel they wait for one
another by ``gather(met, n)``. With F, 1 or 0, results below the normal numbers are 0."""
SPINS = 4000
"""Looks at a counter, some tenths of a millisecond, before a thread that waits offers its core to others."""

_DRIVE = """
define internal void @drive(ptr %job, i64 %k, i64 %n) {{
entry:
{job}
{begin}
  %before = mul i64 %B, %k
  %b0 = sdiv i64 %before, %n
  %after = add i64 %before, %B
  %b1 = sdiv i64 %after, %n
  br label %piece
piece:
  %p = phi i64 [ 0, %entry ], [ %next, %done ]
  %left = icmp slt i64 %p, %P
  br i1 %left, label %recursion, label %end
recursion:
  %first = mul i64 %p, %width
  %arrays = getelementptr i64, ptr %places, i64 %first
  %rows = icmp slt i64 %b0, %b1
  %units = icmp sgt i64 %U, 0
  %any = or i1 %rows, %units
  br i1 %any, label %share, label %meeting
share:
  %L.at = getelementptr i64, ptr %lengths, i64 %p
  %L = load i64, ptr %L.at
  %part = select i1 %units, i64 %k, i64 0
  %parts = select i1 %units, i64 %n, i64 1
  %met.at = getelementptr i64, ptr %counts, i64 2
  call void %run(ptr %arrays, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %part, i64 %parts, ptr %met.at, ptr %bases)
  br label %meeting
meeting:
  %together = icmp sgt i64 %B, 0
  %met = select i1 %together, i64 %n, i64 0
  %twice = mul i64 %p, 2
  %once = add i64 %twice, 1
  %those = mul i64 %once, %met
  call void @meet(ptr %counts, i64 %those)
  %slot = add i64 %p, {counters}
  %taken = getelementptr i64, ptr %counts, i64 %slot
  %earlier = mul i64 %p, %G
  br label %take
take:
  %t = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %t, %G
  br i1 %some, label %task, label %done
task:
  %row = add i64 %earlier, %t
  %number = mul i64 %row, {numbers}
  %here = getelementptr i64, ptr %tasks, i64 %number
  %after.at = getelementptr i64, ptr %here, i64 {follows}
  %after.other = load i64, ptr %after.at
  %other = icmp sgt i64 %after.other, 0
  br i1 %other, label %take, label %do
do:
  %which = phi i64 [ %t, %task ], [ %then, %following ]
  %numbers = phi ptr [ %here, %task ], [ %beside, %following ]
  %function = load ptr, ptr %numbers
  %with = getelementptr i64, ptr %numbers, i64 1
  call void %function(ptr %with, ptr %bases)
  %then = add i64 %which, 1
  %beside = getelementptr i64, ptr %numbers, i64 {numbers}
  %rest = icmp slt i64 %then, %G
  br i1 %rest, label %following, label %take
following:
  %after.this = getelementptr i64, ptr %beside, i64 {follows}
  %one = load i64, ptr %after.this
  %mine = icmp sgt i64 %one, 0
  br i1 %mine, label %do, label %take
done:
  %all = add i64 %those, %met
  call void @meet(ptr %counts, i64 %all)
  %next = add i64 %p, 1
  br label %piece
end:
{end}
  ret void
}}

define internal void @meet(ptr %count, i64 %those) {{
  %mine = atomicrmw add ptr %count, i64 1 acq_rel
  call void @await(ptr %count, i64 %those)
  ret void
}}

define void @gather(ptr %count, i64 %n) {{
  %before = atomicrmw add ptr %count, i64 1 acq_rel
  %round = sdiv i64 %before, %n
  %next = add i64 %round, 1
  %those = mul i64 %next, %n
  call void @await(ptr %count, i64 %those)
  ret void
}}

define internal void @await(ptr %count, i64 %those) {{
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ %more, %again ], [ %more, %offer ]
  %present = load atomic i64, ptr %count acquire, align 8
  %enough = icmp sge i64 %present, %those
  br i1 %enough, label %end, label %wait
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
end:
  ret void
}}
"""


def loaded() -> str:
    """The numbers of a job, by name."""
    kinds = ["ptr" if name in ("run", "places", "lengths", "tasks", "counts", "bases") else "i64" for name in JOB]
    return loads("job", JOB, kinds)


def text(pause: str, offer: str, begin: str = "", end: str = "") -> str:
    """``drive(job, k, n)``, the k-th of n threads; ``gather(count, n)`` and ``await(count, those)``.

    Args:
        pause, offer: how a thread waits, and how it offers its core to others.
        begin, end: what each thread does before its part of a job, whose numbers it may use, and after it.
    """
    return _DRIVE.format(
        job=loaded(),
        counters=COUNTERS,
        numbers=NUMBERS,
        follows=FOLLOWS,
        spins=SPINS,
        pause=pause,
        offer=offer,
        begin=begin,
        end=end,
    )
