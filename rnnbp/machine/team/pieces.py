"""What each thread does of a job, as LLVM text: piece by piece, its share of rows, then tasks."""

from __future__ import annotations

from rnnbp.machine import tasks
from rnnbp.machine.team.job import COUNTERS, JOB

KERNEL = (
    "ptr %arrays", "i64 %L", "i64 %batch", "i64 %first.row", "i64 %end.row", "i64 %block",
    "i64 %part", "i64 %parts", "ptr %gathered", "ptr %bases",
)  # fmt: skip
"""What a kernel is passed; ``runners.llvm.frame`` says what it does with it."""

_DRIVE = """
; The part of thread k of n in a job. The caller is thread 0; all n run this at the same time.
define internal void @drive(ptr %job, i64 %k, i64 %n) {{
entry:
{job}
{begin}
  ; Rows [first.row, end.row) of the batch: contiguous, and as even as can be.
  %rows.before = mul i64 %batch, %k
  %first.row = sdiv i64 %rows.before, %n
  %rows.after = add i64 %rows.before, %batch
  %end.row = sdiv i64 %rows.after, %n
  br label %next.piece
next.piece:
  %p = phi i64 [ 0, %entry ], [ %p.next, %piece.done ]
  %left = icmp slt i64 %p, %pieces
  br i1 %left, label %piece, label %job.done
piece:
  %places.before = mul i64 %p, %width
  %arrays = getelementptr i64, ptr %places, i64 %places.before
  %has.rows = icmp slt i64 %first.row, %end.row
  %units = icmp sgt i64 %by_units, 0
  %has.share = or i1 %has.rows, %units
  br i1 %has.share, label %run.kernel, label %kernel.done
run.kernel:
  %L.at = getelementptr i64, ptr %lengths, i64 %p
  %L = load i64, ptr %L.at
  %part = select i1 %units, i64 %k, i64 0
  %parts = select i1 %units, i64 %n, i64 1
  %gathered = getelementptr i64, ptr %counters, i64 {gathered}
  call void %kernel({kernel_arguments})
  br label %kernel.done
kernel.done:
  ; Tasks read deltas of all rows, so all kernels of the piece must have ended. In a job of tasks
  ; alone (batch 0) the targets are 0, and @meet does not wait: nothing depends on the others, and
  ; a thread that the system wakes late must not hold up those that are here.
  %with.kernel = icmp sgt i64 %batch, 0
  %team = select i1 %with.kernel, i64 %n, i64 0
  %twice = mul i64 %p, 2
  %barriers.before = add i64 %twice, 1
  %target = mul i64 %barriers.before, %team
  call void @meet(ptr %counters, i64 %target)
  %taken.index = add i64 %p, {counters}
  %taken = getelementptr i64, ptr %counters, i64 %taken.index
  %tasks.before = mul i64 %p, %per_piece
  br label %take.task
take.task:
  ; Monotonic: an addition is indivisible, so each number goes to one thread, and this is all that
  ; it decides. What a task reads came before the barrier above; what it writes, no other task of
  ; the piece reads, and the barrier below, or the end of the job, publishes it.
  %t = atomicrmw add ptr %taken, i64 1 monotonic
  %is.left = icmp slt i64 %t, %per_piece
  br i1 %is.left, label %look.at.task, label %piece.end
look.at.task:
  %row = add i64 %tasks.before, %t
  %number = mul i64 %row, {row}
  %here = getelementptr i64, ptr %tasks, i64 %number
  %here.follows.at = getelementptr i64, ptr %here, i64 {follows}
  %here.follows = load i64, ptr %here.follows.at
  ; A row that follows is done by the thread that does the row before, below; whoever takes its
  ; number passes it over.
  %is.others = icmp sgt i64 %here.follows, 0
  br i1 %is.others, label %take.task, label %do.task
do.task:
  %which = phi i64 [ %t, %look.at.task ], [ %which.next, %look.at.following ]
  %current = phi ptr [ %here, %look.at.task ], [ %following, %look.at.following ]
  %function = load ptr, ptr %current
  %arguments = getelementptr i64, ptr %current, i64 {first}
  call void %function(ptr %arguments, ptr %bases)
  %which.next = add i64 %which, 1
  %following = getelementptr i64, ptr %current, i64 {row}
  %is.row = icmp slt i64 %which.next, %per_piece
  br i1 %is.row, label %look.at.following, label %take.task
look.at.following:
  %follows.at = getelementptr i64, ptr %following, i64 {follows}
  %follows = load i64, ptr %follows.at
  %is.mine = icmp sgt i64 %follows, 0
  br i1 %is.mine, label %do.task, label %take.task
piece.end:
  ; The kernel of the next piece writes to the buffers that these tasks read: all must have ended.
  %target.end = add i64 %target, %team
  call void @meet(ptr %counters, i64 %target.end)
  br label %piece.done
piece.done:
  %p.next = add i64 %p, 1
  br label %next.piece
job.done:
{end}
  ret void
}}
"""


def text(begin: str = "", end: str = "") -> str:
    """The function ``drive(job, k, n)``, for a module that has the functions of ``barrier`` too.

    Args:
        begin, end: what each thread does before and after its part; both see the job's fields.
    """
    job, kernel = JOB.loads("job"), ", ".join(KERNEL)
    row = {"first": tasks.FIRST, "follows": tasks.FOLLOWS, "row": tasks.ROW}
    counters = {"gathered": COUNTERS.offset["gathered"], "counters": COUNTERS.size}
    return _DRIVE.format(job=job, kernel_arguments=kernel, begin=begin, end=end, **row, **counters)
