"""A job: the work of one call, for all threads of a team, as a record in memory.

A job goes in *pieces*, one after the other. In each, every thread first runs the kernel on its
share of the batch; when all have done so, they do the piece's tasks, each by the thread that comes
first.
"""

from __future__ import annotations

from array import array
from typing import final

import numpy as np

from rnnbp.machine.records import Record
from rnnbp.numerics import Array, address

JOB = Record(
    kernel="ptr",  # the function that runs steps; not read where batch is 0
    places="ptr",  # (pieces, width) places of the kernel's arrays
    width="i64",
    lengths="ptr",  # (pieces,) steps of each piece
    tasks="ptr",  # (pieces, per_piece, tasks.ROW)
    per_piece="i64",
    counters="ptr",  # those of COUNTERS, then for each piece how many tasks have been taken
    bases="ptr",  # where each array begins that places refer to
    pieces="i64",
    batch="i64",  # 0 for a job of tasks alone, in which threads do not wait for one another
    block="i64",  # steps that the kernel runs through one phase before it begins the next
    by_units="i64",  # 1: threads share the columns of each product, not the rows of the batch
    flush="i64",  # 1: results below the normal numbers become 0 (``rounding`` says why)
)
COUNTERS = Record(
    arrived="i64",  # at the barriers of pieces
    ended="i64",  # threads other than the leader that will not look at the job again
    gathered="i64",  # at the barriers within kernels
    **dict.fromkeys(("free3", "free4", "free5", "free6", "free7"), "i64"),
)
# Eight numbers are 64 bytes, a cache line of x86 and of most ARM processors. The counters of tasks
# come after them: threads that spin on a barrier read its line all the time, and each task taken
# would otherwise have to win that line from them first.


@final
class Job:
    """What threads do together; made once for a shape, run on whatever arrays.

    Args:
        tasks: (pieces, tasks, ROW), by ``tasks``. Those of a piece may run in any order and at the
            same time, except that a row with FOLLOWS comes after the row before it.
        run: the address of a kernel; 0 for tasks alone.
        places: (pieces, arrays), of the kernel's arrays. lengths: (pieces,), in steps.
        batch: rows of the batch. block: steps of a block.
        flush: whether results below the normal numbers become 0.
    """

    def __init__(
        self,
        tasks: Array | None,
        *,
        run: int = 0,
        places: Array | None = None,
        lengths: Array | None = None,
        batch: int = 0,
        block: int = 0,
        flush: bool = False,
    ) -> None:
        tables = [None if a is None else np.ascontiguousarray(a) for a in (places, lengths, tasks)]
        self._tables = tables  # kept alive: the record holds only their addresses
        pieces = next(len(table) for table in (places, tasks) if table is not None)
        self._counted = JOB.size + COUNTERS.size + pieces
        """Numbers before the bases."""
        fields = dict.fromkeys(JOB.kinds, 0) | {
            "kernel": run,
            "places": address(tables[0]),
            "width": 0 if places is None else places.shape[1],
            "lengths": address(tables[1]),
            "tasks": address(tables[2]),
            "per_piece": 0 if tasks is None else tasks.shape[1],
            "pieces": pieces,
            "batch": batch,
            "block": block,
            "flush": int(flush),
        }
        self._start = array("q", [*fields.values(), *[0] * (COUNTERS.size + pieces)])

    def numbers(self, bases: list[int], units: bool) -> array[int]:
        """The record with its counters at 0, followed by the addresses ``bases`` of its arrays."""
        # A copy for each run: two callers may run one job at the same time, each with its counters.
        # array.array, because making a small NumPy array takes several times as long.
        memory = self._start[:]
        memory.fromlist(bases)
        start = memory.buffer_info()[0]
        memory[_COUNTERS], memory[_BASES] = start + 8 * JOB.size, start + 8 * self._counted
        if units:
            memory[_BY_UNITS] = 1
        return memory


_COUNTERS, _BASES, _BY_UNITS = (JOB.offset[name] for name in ("counters", "bases", "by_units"))
