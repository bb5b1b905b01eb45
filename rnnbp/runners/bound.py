"""One call of a runner as a record in memory, whose arrays stay where they are."""

from __future__ import annotations

from array import array
from typing import NamedTuple

from rnnbp.numerics import Array


class BoundCall(NamedTuple):
    """A call that machine code can make again and again, for ``machine.team.chain``.

    Attributes:
        numbers: the record of its job; whoever has it keeps it.
        threads: the most that are worth the call.
        states: of a Recurrent, the arrays (B, ...) that hold its state, before the call and after.
        kept: what the record has addresses of.
    """

    numbers: array[int]
    threads: int
    states: tuple[Array, ...]
    kept: object
