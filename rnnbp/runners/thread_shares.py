"""How threads share the work of a Recurrent, and what that takes by estimate."""

from __future__ import annotations

from typing import NamedTuple

FIXED = 4
"""Rows that take as long as what a step of a kernel takes whatever the number of its rows."""
# An EPYC of the Zen 5 kind, LSTMs of 256, all threads in one layer: two threads of 2 rows took
# 0.81 of one thread of 4, of 8 rows 0.56 of one of 16: 6.5 and 2. It decides speed alone.


class Share(NamedTuple):
    """What threads share.

    Attributes:
        threads: that share the work; of rows, some of them may have none.
        units: True for the units of a step, False for the rows of the batch.
    """

    threads: int = 1
    units: bool = False


def together(rows: int, n: int) -> float:
    """What n threads that share the rows of a batch take, of the time of one."""
    return (-(-rows // n) + FIXED) / (rows + FIXED)


def by_columns(rows: int, n: int, hand_over: float) -> float:
    """The same of n threads that share the units of each step.

    Args:
        hand_over: rows that take as long as it takes to hand all rows of a step from thread to
            thread.
    """
    return (rows + FIXED + FIXED * (n - 1) * hand_over) / (n * (rows + FIXED))
