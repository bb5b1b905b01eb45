"""Backward over a chunk on several threads, none of which returns to Python before its end.

The chunk goes in pieces of steps. In each, every thread takes its share of the batch through the delta recursion;
when all are there, they take the parameter gradients, row by row, as they come free; then the next piece begins.
"""

from __future__ import annotations

import llvmlite.binding as llvm

NUMBERS = 10
"""Of a task: the address of a function, and what it takes; all have ``ARGUMENTS``."""
ARGUMENTS = "ptr {0}, i64 {1}, ptr {2}, i64 {3}, i64 {4}, i64 {5}, i64 {6}, ptr {7}, i64 {8}"
COUNTERS = 8
"""Numbers before those that count the tasks taken of each piece; the first counts threads that have come together."""
SPINS = 4000
"""Looks at the counter, some tenths of a millisecond, before a thread that waits offers its core to others."""

_DRIVE = """
define void @drive(ptr %run, ptr %places, i64 %width, ptr %lengths, ptr %tasks, i64 %G, ptr %counts, i64 %P, i64 %B,
                   i64 %S, i64 %k, i64 %n) {{
entry:
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
  %L.at = getelementptr i64, ptr %lengths, i64 %p
  %L = load i64, ptr %L.at
  %any = icmp slt i64 %b0, %b1
  br i1 %any, label %share, label %gradients
share:
  call void %run(ptr %arrays, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S)
  br label %gradients
gradients:
  %twice = mul i64 %p, 2
  %once = add i64 %twice, 1
  %those = mul i64 %once, %n
  call void @meet(ptr %counts, i64 %those)
  %slot = add i64 %p, {counters}
  %taken = getelementptr i64, ptr %counts, i64 %slot
  %rows = mul i64 %p, %G
  br label %take
take:
  %t = atomicrmw add ptr %taken, i64 1 monotonic
  %some = icmp slt i64 %t, %G
  br i1 %some, label %task, label %done
task:
  %row = add i64 %rows, %t
  %number = mul i64 %row, {numbers}
  %here = getelementptr i64, ptr %tasks, i64 %number
{loads}
  call void %a0({arguments})
  br label %take
done:
  %all = add i64 %those, %n
  call void @meet(ptr %counts, i64 %all)
  %next = add i64 %p, 1
  br label %piece
end:
  ret void
}}

define internal void @meet(ptr %count, i64 %those) {{
entry:
  %mine = atomicrmw add ptr %count, i64 1 acq_rel
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


def text() -> tuple[str, dict[str, int]]:
    """The function ``drive``, and the addresses of what it calls.

    ``drive(run, places, width, lengths, tasks, G, counts, P, B, S, k, n)`` is the share of thread k of n: of P
    pieces, of so many ``lengths`` in steps, with ``width`` addresses of arrays and G tasks each; ``counts`` are P and
    ``COUNTERS`` zeros; B and S as a kernel takes them.
    """
    x86 = llvm.get_default_triple().startswith(("x86_64", "i686"))
    give = llvm.address_of_symbol("sched_yield")
    kinds = [part.split()[0] for part in ARGUMENTS.split(", ")]
    loads = [
        f"  %a{k}.at = getelementptr i64, ptr %here, i64 {k}\n  %a{k} = load {kind}, ptr %a{k}.at"
        for k, kind in enumerate(["ptr", *kinds])
    ]
    declarations = ["declare void @llvm.x86.sse2.pause()"] * x86 + ["declare i32 @sched_yield()"] * bool(give)
    body = _DRIVE.format(
        counters=COUNTERS,
        numbers=NUMBERS,
        spins=SPINS,
        loads="\n".join(loads),
        arguments=ARGUMENTS.format(*(f"%a{k}" for k in range(1, NUMBERS))),
        pause="call void @llvm.x86.sse2.pause()" if x86 else "",
        offer="%given = call i32 @sched_yield()" if give else "",
    )
    return "\n".join([*declarations, body]), {"sched_yield": give} if give else {}
