"""Lanes: jobs of a pipeline, of which each thread has its own, round by round.

A *lane* is a list of jobs that run again in each round on other arrays, as ``rounds`` has them.
A round of a lane reads what the same round of the lane before it has written, and nothing else of
this call: so thread 1 runs round r of lane 1 while thread 0 runs round r + 1 of lane 0. They wait
for one another once a round, not at every step, and each keeps the weights of its lanes in the
cache of its core::

    thread 0, lane 0:   0   1   2   3   4   5
    thread 1, lane 1:       0   1   2   3   4   5

A lane writes into buffers that its next lane reads, as many as ``room`` says, in turn: it does not
begin round r before that lane has ended round r − room.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnbp.machine.compile import Library
from rnnbp.machine.records import Record
from rnnbp.machine.team import barrier, handoff, threads
from rnnbp.machine.team.job import JOB, Job
from rnnbp.machine.team.renewing import renewing
from rnnbp.machine.team.rounds import TURN, Turn
from rnnbp.numerics import address
from rnnbp.support.lazy import cached

PIPE = Record(lanes="ptr", count="i64", rounds="i64", shares="ptr")
"""The lanes; for each number of threads from 1 on, the shares."""
LANE = Record(
    turns="ptr",
    jobs="i64",
    before="ptr",  # where the lane before has the number of rounds that it has ended; 0: none
    behind="ptr",  # the same of the lane after this one
    room="i64",
    met="i64",  # how often threads of this lane have met, where it has several
    ended="i64",  # rounds
)
LANE_NUMBERS = 16
"""Numbers that a lane takes in memory, 128 bytes: ``BOX_NUMBERS`` of ``threads`` says why."""

_TEXT = """
declare void @part(ptr, i64, i64)

; What thread k of n does, as a kernel.
define void @lanes(ptr %a, i64 %L, i64 %B, i64 %b0, i64 %b1, i64 %S, i64 %k, i64 %n, \
ptr %gathered, ptr %bases) {{
entry:
  %pipe = load ptr, ptr %bases
{pipe}
  %less = sub i64 %n, 1
  %before = mul i64 %less, %count
  br label %next.round
next.round:
  %r = phi i64 [ 0, %entry ], [ %r.next, %round.done ]
  %any = icmp slt i64 %r, %rounds
  br i1 %any, label %next.lane, label %end
next.lane:
  %l = phi i64 [ 0, %next.round ], [ %l.next, %lane.done ]
  %more = icmp slt i64 %l, %count
  br i1 %more, label %look, label %round.done
look:
  %share.index = add i64 %before, %l
  %share.number = mul i64 %share.index, 2
  %share = getelementptr i64, ptr %shares, i64 %share.number
  %first = load i64, ptr %share
  %many.at = getelementptr i64, ptr %share, i64 1
  %many = load i64, ptr %many.at
  %mine = sub i64 %k, %first
  %is.mine = icmp ult i64 %mine, %many
  br i1 %is.mine, label %do, label %lane.done
do:
  %numbers = mul i64 %l, {lane_numbers}
  %lane = getelementptr i64, ptr %lanes, i64 %numbers
  call void @round(ptr %lane, i64 %r, i64 %mine, i64 %many)
  br label %lane.done
lane.done:
  %l.next = add i64 %l, 1
  br label %next.lane
round.done:
  %r.next = add i64 %r, 1
  br label %next.round
end:
  ret void
}}

; Round r of a lane, by its thread k of n.
define internal void @round(ptr %lane, i64 %r, i64 %k, i64 %n) {{
entry:
{lane}
  %met.at.lane = getelementptr i64, ptr %lane, i64 {met}
  %ended.at.lane = getelementptr i64, ptr %lane, i64 {ended}
  %leads = icmp eq i64 %k, 0
  %several = icmp sgt i64 %n, 1
  %r.next = add i64 %r, 1
  %reads = icmp ne ptr %before, null
  br i1 %reads, label %wait.before, label %look.behind
wait.before:
  ; Both waits pair with the release below: what that round wrote is visible here, and what it read
  ; may be written over.
  call void @await(ptr %before, i64 %r.next)
  br label %look.behind
look.behind:
  %is.read = icmp ne ptr %behind, null
  br i1 %is.read, label %wait.behind, label %next.turn
wait.behind:
  %free = sub i64 %r.next, %room
  call void @await(ptr %behind, i64 %free)
  br label %next.turn
next.turn:
  %t = phi i64 [ 0, %look.behind ], [ 0, %wait.behind ], [ %t.next, %turn.done ]
  %more = icmp slt i64 %t, %jobs
  br i1 %more, label %turn, label %round.done
turn:
  %turn.numbers = mul i64 %t, {turn_size}
  %record = getelementptr i64, ptr %turns, i64 %turn.numbers
{turn}
  br i1 %leads, label %prepare, label %prepared
prepare:
  %row.numbers = mul i64 %r, %width
  %row = getelementptr i64, ptr %table, i64 %row.numbers
  %bases.at = getelementptr i64, ptr %job, i64 {bases}
  store ptr %row, ptr %bases.at
  call void @renew(ptr %job)
  br label %prepared
prepared:
  br i1 %several, label %meet.before, label %look
meet.before:
  call void @gather(ptr %met.at.lane, i64 %n)
  br label %look
look:
  %most = add i64 %others, 1
  %few = icmp slt i64 %most, %n
  %here = select i1 %few, i64 %most, i64 %n
  %is.here = icmp slt i64 %k, %here
  br i1 %is.here, label %do, label %did
do:
  call void @part(ptr %job, i64 %k, i64 %here)
  br label %did
did:
  br i1 %several, label %meet.after, label %turn.done
meet.after:
  call void @gather(ptr %met.at.lane, i64 %n)
  br label %turn.done
turn.done:
  %t.next = add i64 %t, 1
  br label %next.turn
round.done:
  br i1 %leads, label %publish, label %end
publish:
  ; Release: pairs with the acquire in @await of the lanes before and after this one.
  store atomic i64 %r.next, ptr %ended.at.lane release, align 8
  br label %end
end:
  ret void
}}
"""


class Lane(NamedTuple):
    """The jobs of a lane, in order.

    Attributes:
        turns: of each round.
        room: in how many buffers it writes for the lane after it, in turn; 0 where each round has
            its own.
    """

    turns: Sequence[Turn]
    room: int = 0


def run(lanes: Sequence[Lane], rounds: int, shares: Sequence[Sequence[tuple[int, int]]]) -> None:
    """Do all rounds of all lanes.

    Args:
        lanes: each reads what the one before it has written. rounds: of each.
        shares: by number of threads, from 1 to the most that share the lanes: for each lane, the
            first of its threads, and how many they are.
    """
    numbers, kept = np.zeros((len(lanes) + 1, LANE_NUMBERS), np.int64), list[object]()
    at = [address(numbers[0]) + 8 * LANE_NUMBERS * k for k in range(len(lanes))]
    ended = [each + 8 * LANE.offset["ended"] for each in at]
    for k, lane in enumerate(lanes):
        records = [turn.job.numbers([], turn.units) for turn in lane.turns]
        turns = array("q")
        for turn, record in zip(lane.turns, records, strict=True):
            assert turn.bases.flags.c_contiguous
            assert len(turn.bases) == rounds
            place = record.buffer_info()[0], address(turn.bases)
            turns.extend((*place, turn.bases.shape[1], turn.n - 1))
        kept += [records, turns]
        before, behind = ended[k - 1] if k else 0, ended[k + 1] if lane.room else 0
        fields = turns.buffer_info()[0], len(lane.turns), before, behind, lane.room
        numbers[k, : len(fields)] = fields
    table = np.array(shares, np.int64)
    pipe = array("q", [at[0], len(lanes), rounds, address(table)])
    threads.do(_job(), [pipe.buffer_info()[0]], len(shares), units=True)


@cached
def _job() -> Job:
    """The job whose kernel goes through lanes: a piece of a row, which threads share by number."""
    places, lengths = np.zeros((1, 1), np.int64), np.ones(1, np.int64)
    kernel = _library().address("lanes")
    return Job(None, run=kernel, places=places, lengths=lengths, batch=1, block=1)


@cached
def _library() -> Library:
    how = barrier.waiting()
    text = renewing() + _TEXT.format(
        pipe=PIPE.loads("pipe"),
        lane=LANE.loads("lane", "turns", "jobs", "before", "behind", "room"),
        lane_numbers=LANE_NUMBERS,
        met=LANE.offset["met"],
        ended=LANE.offset["ended"],
        turn=TURN.loads("record"),
        turn_size=TURN.size,
        bases=JOB.offset["bases"],
    )
    given = {"part": handoff.library().address("part"), **how.addresses}
    return Library("\n".join([*how.declarations, barrier.text(how), text]), given)
