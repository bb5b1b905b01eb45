"""What the threads of a run share, as a plan has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias, final

By: TypeAlias = Literal["rows", "units", "layers", "directions", "one thread", "NumPy"]


class Way(NamedTuple):
    """How threads share a Recurrent on a chunk.

    Attributes:
        by: what each of them takes: "rows" of the batch; "units", and so a part of the weights;
            whole "layers" of a stack, one chunk apart; whole "directions", or other Recurrents of a
            sweep that do not wait for one another. "one thread" runs it alone; "NumPy" runs it, and
            BLAS's threads share its products.
        threads: that take part.
    """

    by: By
    threads: int = 1


@final
@dataclass(frozen=True)
class LayerThreads:
    """How threads share a Recurrent.

    Attributes:
        layer: its name.
        forward, backward: of a chunk that is recorded, and that goes backward.
    """

    layer: str
    forward: Way
    backward: Way


@final
@dataclass(frozen=True)
class ThreadPlan:
    """How the threads of a run share its Recurrents.

    Attributes:
        count: threads that a run has now: RNNBP_NUM_THREADS, or BLAS's number.
        layers: of each Recurrent, in order.
        speed: how many times as fast as by one thread they run, forward and backward, by estimate.
        others: the same by other ways to share all of them.

    It is of an array x and a target that machine code reads, without a mask, a horizon or a
    progress bar, with which Recurrents of a stack run one after the other; of the longest row of
    chunks; and of chunks in which all rows run. Chunks that are advanced, and keep nothing, are
    shared as those that are recorded, or by more threads, where one call advances several.
    """

    count: int
    layers: tuple[LayerThreads, ...]
    speed: float = 1.0
    others: Mapping[str, float] = field(default_factory=dict)


class Part(NamedTuple):
    """Work in one direction, forward or backward.

    Attributes:
        cost: of one thread, in operations.
        ways: of each Recurrent.
        part: of the time of one thread, what all of them take.
        others: the same by other ways to share.
    """

    cost: float
    ways: tuple[Way, ...]
    part: float
    others: Mapping[str, float]


Parts: TypeAlias = tuple[Part, Part]
"""Forward and backward."""


def joined(count: int, names: Sequence[str], parts: Sequence[Parts]) -> ThreadPlan:
    """The threads of Recurrents that run one part after the other."""
    ways = [[way for both in parts for way in both[k].ways] for k in (0, 1)]
    layers = tuple([LayerThreads(*each) for each in zip(names, *ways, strict=True)])
    every = [part for both in parts for part in both]
    cost = sum(part.cost for part in every)
    if not cost:
        return ThreadPlan(count, layers)
    shared = [part for part in every if {way.by for way in part.ways} != {"one thread"}]
    others = [set(part.others) for part in shared]
    return ThreadPlan(
        count,
        layers,
        cost / sum(part.cost * part.part for part in every),
        {
            name: cost / sum(part.cost * part.others.get(name, part.part) for part in every)
            for name in sorted(set[str].intersection(*others) if others else ())
        },
    )
