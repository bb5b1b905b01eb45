"""Jobs side by side: each is done by one thread alone, and so waits for no other."""

from __future__ import annotations

from array import array
from typing import final

import numpy as np

from rnnbp.machine.tasks import Signature
from rnnbp.machine.team import handoff, threads
from rnnbp.machine.team.job import Job
from rnnbp.support.lazy import cached

ALONE = Signature("i64 %which")
"""The arguments of the task that does a whole job: which of the bases it is."""


@final
class Beside:
    """Collects jobs, with ``do`` as of ``threads``, and runs them side by side.

    The jobs must neither write what another reads or writes, nor depend on their order.
    """

    def __init__(self) -> None:
        self._jobs: list[tuple[Job, array[int]]] = []

    def do(self, job: Job, bases: list[int], n: int, *, units: bool = False) -> None:
        """Take a job, whose arrays must be there until ``run`` has ended."""
        self._jobs.append((job, job.numbers(bases, False)))  # one thread has all rows and units

    def run(self, n: int) -> None:
        """Do all jobs by n threads, or by fewer: results do not depend on how many there are."""
        jobs, self._jobs = self._jobs, []
        if jobs:
            at = [memory.buffer_info()[0] for _, memory in jobs]
            threads.do(_all(len(jobs)), at, min(n, len(jobs)))


@cached
def _all(count: int) -> Job:
    """The job whose tasks are this many jobs."""
    function = handoff.library().address("alone")
    return Job(ALONE.table(count, function, which=np.arange(count))[None])
