"""How a job gets to threads that wait, and back, without locks; none returns to Python in between.

Each thread but the caller has a *box*, a record of its own whose first number is its state::

              Python's wake()                lead: takes it           lead: has filled the box
    ASLEEP ------------------> WAITS ---------------------> TAKEN ---------------------> HAS
       ^                       | ^ ^                                                    |  |
       |  serve: out of        | | |        lead: takes back a thread that is late      |  |
       +-----------------------+ | +----------------------------------------------------+  |
          patience               |                                                         |
                                 |  leave: has done its part      serve: begins            |
                                 +------------------------- WORKS <------------------------+

Who moves a thread from one state to the next, and by what:

- ASLEEP to WAITS: the caller, in Python, before it puts a token in the queue that the thread sleeps
  for.
- WAITS to ASLEEP: the thread, by compare-and-exchange, as the caller may be taking it just then.
- WAITS to TAKEN: the caller, by compare-and-exchange, as the thread may be going to sleep.
- TAKEN to HAS: the caller, by a store, as nobody else moves a thread that is TAKEN.
- HAS to WORKS: the thread, by compare-and-exchange, as the caller may be taking it back.
- HAS to WAITS: the caller, by compare-and-exchange, as the thread may be beginning.
- WORKS to WAITS: the thread, by a store, as nobody else moves a thread that WORKS.

Why TAKEN is a state of its own: the number of threads has to be known before any of them begins,
because it decides who has which rows. So the caller first takes all that wait, then fills boxes.

Why a latecomer is taken back: a thread that the system has not scheduled yet may look at its box
long after the others have done all tasks. The caller does not wait for it; but the job's memory is
freed when the caller returns, so it must not begin afterwards. Where threads meet (batch > 0) this
never happens, since nobody gets past the first barrier before all have begun.

Only one caller at a time has the boxes (``threads.do`` holds a lock), and a caller leaves them all
in WAITS or ASLEEP.
"""

from __future__ import annotations

from rnnbp.machine import rounding
from rnnbp.machine.compile import Library
from rnnbp.machine.records import Record
from rnnbp.machine.target import triple
from rnnbp.machine.team import barrier, pieces
from rnnbp.machine.team.job import COUNTERS, JOB
from rnnbp.support.aside import aside
from rnnbp.support.lazy import cached

PATIENCE = barrier.SPINS + 2500
"""Looks for a next job before a thread goes to sleep; after SPINS each offers the core first."""
# The 2,500 offers take 0.3 to 2 µs each, so this is one to some milliseconds. Too few: Python takes
# about 0.1 ms between the chunks of a run; a thread that falls asleep in it has to be woken, which
# takes 20 µs (median on a Xeon), and is not waited for where it could be. Too many: idle threads
# take time from other processes, at every look where these do not accept the offer.

ASLEEP, WAITS, TAKEN, HAS, WORKS = range(5)
"""The states of a thread. ASLEEP is 0, so that a new box, of zeros, is that of a thread asleep."""
BOX = Record(state="i64", number="i64", threads="i64", job="ptr")
"""What a thread is given: the state, its number k, of how many threads n, and the job."""

_HANDOFF = """
; Do a job with those of the `others` threads whose boxes these are that do not sleep.
define void @lead(ptr %boxes, i64 %others, ptr %job) {{
entry:
  br label %take.next
take.next:
  %i = phi i64 [ 0, %entry ], [ %i.next, %looked.at ]
  %n = phi i64 [ 1, %entry ], [ %n.next, %looked.at ]
  %more = icmp slt i64 %i, %others
  br i1 %more, label %take, label %fill.next
take:
  %box.at = getelementptr ptr, ptr %boxes, i64 %i
  %box = load ptr, ptr %box.at
  ; WAITS -> TAKEN. Acquire: pairs with the release of WAITS in @leave, so that the thread has read
  ; number, threads and job of its last box before they are overwritten here. Failure is monotonic:
  ; the thread sleeps, and nothing of its box is touched.
  %take.result = cmpxchg ptr %box, i64 {waits}, i64 {taken} acquire monotonic
  %is.taken = extractvalue {{ i64, i1 }} %take.result, 1
  %number.at = getelementptr i64, ptr %box, i64 {number}
  br i1 %is.taken, label %set.number, label %looked.at
set.number:
  store i64 %n, ptr %number.at
  br label %looked.at
looked.at:
  %one = zext i1 %is.taken to i64
  %n.next = add i64 %n, %one
  %i.next = add i64 %i, 1
  br label %take.next
fill.next:
  %j = phi i64 [ 0, %take.next ], [ %j.next, %filled ]
  %rest = icmp slt i64 %j, %others
  br i1 %rest, label %look.at.box, label %own.part
look.at.box:
  %there.at = getelementptr ptr, ptr %boxes, i64 %j
  %there = load ptr, ptr %there.at
  ; Monotonic: only this thread writes TAKEN, or moves a box from it.
  %state = load atomic i64, ptr %there monotonic, align 8
  %ready = icmp eq i64 %state, {taken}
  br i1 %ready, label %fill, label %filled
fill:
  %n.at = getelementptr i64, ptr %there, i64 {threads}
  store i64 %n, ptr %n.at
  %job.at = getelementptr i64, ptr %there, i64 {job_field}
  store ptr %job, ptr %job.at
  ; TAKEN -> HAS. Release: pairs with the acquire of HAS -> WORKS in @serve, which then sees the
  ; box, the job's record and everything that Python has written to the arrays.
  store atomic i64 {has}, ptr %there release, align 8
  br label %filled
filled:
  %j.next = add i64 %j, 1
  br label %fill.next
own.part:
  call void @drive(ptr %job, i64 0, i64 %n)
  br label %next.box
next.box:
  %l = phi i64 [ 0, %own.part ], [ %l.next, %taken.back ]
  %began = phi i64 [ %n, %own.part ], [ %began.next, %taken.back ]
  %any = icmp slt i64 %l, %others
  br i1 %any, label %take.back, label %wait.for.those
take.back:
  %late.at = getelementptr ptr, ptr %boxes, i64 %l
  %late = load ptr, ptr %late.at
  ; HAS -> WAITS. The indivisible exchange decides it: a thread either has begun, and is waited for
  ; below, or never will. No order is needed, as the thread has touched nothing; acquire is kept as
  ; it costs nothing. A box that was not taken is in WAITS or ASLEEP, and stays so.
  %back.result = cmpxchg ptr %late, i64 {has}, i64 {waits} acquire monotonic
  %was.late = extractvalue {{ i64, i1 }} %back.result, 1
  br label %taken.back
taken.back:
  %none = zext i1 %was.late to i64
  %began.next = sub i64 %began, %none
  %l.next = add i64 %l, 1
  br label %next.box
wait.for.those:
  %those = sub i64 %began, 1
  call void @await.ended(ptr %job, i64 %those)
  ret void
}}

; A task that does a whole job, with one thread: the job of this number among the bases.
define void @alone(ptr %arguments, ptr %bases) {{
  %which = load i64, ptr %arguments
  %job.at = getelementptr ptr, ptr %bases, i64 %which
  %job = load ptr, ptr %job.at
  call void @drive(ptr %job, i64 0, i64 1)
  ret void
}}

; The part of thread k of n in a job, for a thread that is in a job already.
define void @part(ptr %job, i64 %k, i64 %n) {{
  call void @drive(ptr %job, i64 %k, i64 %n)
  ret void
}}

; Wait until those threads that have begun have left the job. The acquiring load in @await pairs
; with the release in @leave: what they computed is visible, and the job's memory may be freed.
define internal void @await.ended(ptr %job, i64 %those) {{
{job}
  %ended = getelementptr i64, ptr %counters, i64 {ended}
  call void @await(ptr %ended, i64 %those)
  ret void
}}

; The loop of a thread: do the jobs that come to its box, until none has come for long.
define void @serve(ptr %box) {{
entry:
  br label %look
look:
  %i = phi i64 [ 0, %entry ], [ 0, %work ], [ 0, %begin ], [ %more, %wait ], [ %more, %offer ]
  ; Monotonic: it only decides what to try. What depends on the state reads it again, below.
  ; ASLEEP is seen where a caller was interrupted by a finaliser that ran a job of its own between
  ; this thread's waking and the token: it was put twice, and the second means nothing.
  %state = load atomic i64, ptr %box monotonic, align 8
  switch i64 %state, label %wait [ i64 {has}, label %begin i64 {asleep}, label %stop ]
begin:
  ; HAS -> WORKS. Acquire: pairs with the release of TAKEN -> HAS in @lead. Failure is monotonic:
  ; the caller has taken the job back, and nothing of the box is read.
  %begin.result = cmpxchg ptr %box, i64 {has}, i64 {works} acquire monotonic
  %is.mine = extractvalue {{ i64, i1 }} %begin.result, 1
  br i1 %is.mine, label %work, label %look
work:
  %k.at = getelementptr i64, ptr %box, i64 {number}
  %k = load i64, ptr %k.at
  %n.at = getelementptr i64, ptr %box, i64 {threads}
  %n = load i64, ptr %n.at
  %job.at = getelementptr i64, ptr %box, i64 {job_field}
  %job = load ptr, ptr %job.at
  call void @drive(ptr %job, i64 %k, i64 %n)
  call void @leave(ptr %job, ptr %box)
  br label %look
wait:
  {pause}
  %more = add i64 %i, 1
  %long = icmp sgt i64 %i, {spins}
  br i1 %long, label %waited.long, label %look
waited.long:
  %longer = icmp sgt i64 %i, {patience}
  br i1 %longer, label %fall.asleep, label %offer
fall.asleep:
  ; WAITS -> ASLEEP, unless the caller takes this thread just now: then it looks on. Release is
  ; more than is needed: all that this thread read and wrote was published in @leave.
  %sleep.result = cmpxchg ptr %box, i64 {waits}, i64 {asleep} release monotonic
  %sleeps = extractvalue {{ i64, i1 }} %sleep.result, 1
  br i1 %sleeps, label %stop, label %offer
offer:
  {offer}
  br label %look
stop:
  ret void
}}

; A thread's end of a job.
define internal void @leave(ptr %job, ptr %box) {{
{job}
  %ended = getelementptr i64, ptr %counters, i64 {ended}
  ; WORKS -> WAITS, before the count. The caller may be back with its next job as soon as it \
sees the
  ; count; it must then find this box in WAITS, or would do that job with a thread less. Release:
  ; pairs with the acquire of WAITS -> TAKEN in @lead.
  store atomic i64 {waits}, ptr %box release, align 8
  ; The last touch of the job's memory, which the caller frees. Release: pairs with the acquire in
  ; @await, and keeps the store above and all that was computed before it.
  %mine = atomicrmw add ptr %ended, i64 1 release
  ret void
}}
"""


def text() -> tuple[str, dict[str, int]]:
    """LLVM text of a team's functions, and the addresses of the system's functions that it calls.

    ``lead(boxes, others, job)`` does a job, and returns when no thread looks at it any more;
    ``serve(box)`` is what the other threads run; ``gather(count, n)`` is for kernels.
    """
    how, mode = barrier.waiting(), rounding.text(triple())
    team = _HANDOFF.format(
        job=JOB.loads("job"),
        ended=COUNTERS.offset["ended"],
        number=BOX.offset["number"],
        threads=BOX.offset["threads"],
        job_field=BOX.offset["job"],
        spins=barrier.SPINS,
        patience=PATIENCE,
        asleep=ASLEEP,
        waits=WAITS,
        taken=TAKEN,
        has=HAS,
        works=WORKS,
        pause=how.pause,
        offer=how.offer,
    )
    parts = [mode.declarations, pieces.text(mode.begin, mode.end), barrier.text(how), team]
    return "\n".join([*how.declarations, *parts]), how.addresses


@cached
def library() -> Library:
    """The functions in machine code."""
    return Library(*aside(text))
