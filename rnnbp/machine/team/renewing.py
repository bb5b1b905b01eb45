"""LLVM text of what puts a job's counters back, for functions that run a record more than once."""

from __future__ import annotations

from rnnbp.machine.team.job import COUNTERS, JOB

_TEXT = """
; Put a job's counters back to 0, from which each run begins.
define internal void @renew(ptr %job) {{
entry:
{job}
  %counted = add i64 %pieces, {counters_size}
  br label %next
next:
  %c = phi i64 [ 0, %entry ], [ %c.next, %clear ]
  %left = icmp slt i64 %c, %counted
  br i1 %left, label %clear, label %end
clear:
  %counter = getelementptr i64, ptr %counters, i64 %c
  store i64 0, ptr %counter
  %c.next = add i64 %c, 1
  br label %next
end:
  ret void
}}
"""


def renewing() -> str:
    """The function ``renew`` of a job's record."""
    return _TEXT.format(job=JOB.loads("job", "counters", "pieces"), counters_size=COUNTERS.size)
