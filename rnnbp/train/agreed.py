"""What all processes of a run agree on after each step: whether it goes on, and why it does not."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnbp.parallel import Exchange
from rnnbp.parallel.gathering import of_each, texts


class Agreed(NamedTuple):
    """How a run goes on.

    Attributes:
        reason: why it ends; None or "" where no limit has been reached.
        signal: the number of a signal that has come to one of the processes.
        overdue: True if a snapshot is due by time.
        failed: True if an error was raised in one of the processes.
    """

    reason: str | None
    signal: int | None
    overdue: bool
    failed: bool = False


def agreed(own: Agreed, parallel: Exchange | None) -> Agreed:
    """The same in all processes, from what each has found: the first reason, any signal, and what
    process 0 says of the snapshot. All call it.
    """
    if parallel is None or parallel.processes == 1:
        return own
    row = np.array([bool(own.reason), own.signal or 0, own.overdue, own.failed], np.int64)
    found = of_each(row, parallel)
    reasons, signals, overdue, failed = found.T
    reason = next(filter(None, texts(own.reason or "", parallel))) if reasons.any() else None
    return Agreed(reason, int(signals.max()) or None, bool(overdue[0]), bool(failed.any()))
