"""Rounds: the same jobs again and again, each time on other arrays, by one call.

The chunks of a sequence are run by the same jobs, whose arrays lie elsewhere for each. So a table
has a row of addresses for each chunk, and a function in machine code goes through the rows: Python
would take longer between two small chunks than they do.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

from rnnbp.machine.compile import Function, Library
from rnnbp.machine.records import Record
from rnnbp.machine.team import handoff, threads
from rnnbp.machine.team.job import JOB, Job
from rnnbp.machine.team.renewing import renewing
from rnnbp.numerics import Array, address
from rnnbp.support.lazy import cached

TURN = Record(job="ptr", table="ptr", width="i64", others="i64")
"""A job's record, its addresses (rounds, width), and the most threads other than the leader."""

_TEXT = """
declare void @lead(ptr, i64, ptr)

define void @rounds(ptr %boxes, i64 %team, ptr %turns, i64 %count, i64 %rounds) {{
entry:
  br label %next.round
next.round:
  %r = phi i64 [ 0, %entry ], [ %r.next, %round.done ]
  %any = icmp slt i64 %r, %rounds
  br i1 %any, label %next.turn, label %end
next.turn:
  %t = phi i64 [ 0, %next.round ], [ %t.next, %turn ]
  %more = icmp slt i64 %t, %count
  br i1 %more, label %turn, label %round.done
turn:
  %turn.numbers = mul i64 %t, {turn_size}
  %record = getelementptr i64, ptr %turns, i64 %turn.numbers
{turn}
  %row.numbers = mul i64 %r, %width
  %row = getelementptr i64, ptr %table, i64 %row.numbers
  %bases.at = getelementptr i64, ptr %job, i64 {bases}
  store ptr %row, ptr %bases.at
  call void @renew(ptr %job)
  %few = icmp slt i64 %others, %team
  %here = select i1 %few, i64 %others, i64 %team
  call void @lead(ptr %boxes, i64 %here, ptr %job)
  %t.next = add i64 %t, 1
  br label %next.turn
round.done:
  %r.next = add i64 %r, 1
  br label %next.round
end:
  ret void
}}
"""


class Turn(NamedTuple):
    """A job of each round.

    bases: (rounds, arrays), int64 in C order: where the job's arrays begin, round by round.
    n: the most threads that work on it. units: as ``threads.do`` has it.
    kept: what the addresses are of, which is to live as long.
    """

    job: Job
    bases: Array
    n: int = 1
    units: bool = False
    kept: object = None


def run(turns: Sequence[Turn], rounds: int) -> None:
    """Do the jobs of ``turns`` in order, and that ``rounds`` times, with a row of bases each."""
    for turn in turns:
        assert turn.bases.flags.c_contiguous
        assert len(turn.bases) == rounds
    records = [turn.job.numbers([], turn.units) for turn in turns]
    numbers: list[int] = []
    for turn, record in zip(turns, records, strict=True):
        table = address(turn.bases)
        numbers += [record.buffer_info()[0], table, turn.bases.shape[1], turn.n - 1]
    memory = array("q", numbers)
    call, at, count = _function(), memory.buffer_info()[0], len(turns)
    most = max(turn.n for turn in turns)
    threads.together(lambda boxes, others: call(boxes, others, at, count, rounds), most)


@cached
def _function() -> Function:
    """``rounds``; Python's lock is released while it runs."""
    return _library().function("rounds", 5)


@cached
def _library() -> Library:
    text = renewing() + _TEXT.format(
        turn=TURN.loads("record"),
        turn_size=TURN.size,
        bases=JOB.offset["bases"],
    )
    return Library(text, {"lead": handoff.library().address("lead")})
