"""Processes as threads of one, whose sends wait until they are received, as those of MPI may."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TypeVar

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel import Exchange

R = TypeVar("R")
PATIENCE = 20.0
"""Seconds until a message that does not come is an error, queue.Empty."""


@dataclass
class Wires:
    """The queues between processes, (from, to): arrays one way, and that they came the other."""

    processes: int
    arrays: dict[tuple[int, int], SimpleQueue[Array]] = field(init=False)
    came: dict[tuple[int, int], SimpleQueue[bool]] = field(init=False)

    def __post_init__(self) -> None:
        pairs = [(a, b) for a in range(self.processes) for b in range(self.processes)]
        self.arrays = {pair: SimpleQueue() for pair in pairs}
        self.came = {pair: SimpleQueue() for pair in pairs}


class Simulated(Exchange):
    """One of the processes; ``log`` has what it did, as (method, other process)."""

    def __init__(self, wires: Wires, rank: int, shards: int) -> None:
        self._wires, self._rank = wires, rank
        self.log: list[tuple[str, int]] = []
        super().__init__(shards=shards)

    @property
    def rank(self) -> int:
        return self._rank

    @property
    def processes(self) -> int:
        return self._wires.processes

    def send(self, rank: int, array: Array) -> None:
        self.log.append(("send", rank))
        self._put(rank, array)
        self._wires.came[self.rank, rank].get(timeout=PATIENCE)

    def receive(self, rank: int, into: Array) -> None:
        self.log.append(("receive", rank))
        self._get(rank, into)

    def swap(self, rank: int, array: Array, into: Array) -> None:
        self.log.append(("swap", rank))
        self._put(rank, array)
        self._get(rank, into)
        self._wires.came[self.rank, rank].get(timeout=PATIENCE)

    def _put(self, rank: int, array: Array) -> None:
        assert array.flags.c_contiguous
        self._wires.arrays[self.rank, rank].put(array.copy())

    def _get(self, rank: int, into: Array) -> None:
        found = self._wires.arrays[rank, self.rank].get(timeout=PATIENCE)
        assert (found.shape, found.dtype) == (into.shape, into.dtype)
        assert into.flags.c_contiguous
        np.copyto(into, found)
        self._wires.came[rank, self.rank].put(True)


def run(processes: int, shards: int, work: Callable[[Simulated], R]) -> list[R]:
    """What ``work`` returns in each of the processes, by rank."""
    wires = Wires(processes)
    with ThreadPoolExecutor(processes) as pool:
        return [
            *pool.map(lambda rank: work(Simulated(wires, rank, shards)), range(processes)),
        ]


def tree_by_halves(values: list[Array]) -> Array:
    """The sum as the tree has it, written another way: the left half is the largest power of 2."""
    if len(values) == 1:
        return values[0]
    half = 1
    while 2 * half < len(values):
        half *= 2
    return np.asarray(tree_by_halves(values[:half]) + tree_by_halves(values[half:]))


def shards_of(shards: int, dtype: str = "float32", shape: tuple[int, ...] = (4, 10)) -> list[Array]:
    """Arrays whose sum depends on the order of the additions: of 7 powers of ten."""
    rng = np.random.default_rng(shards)
    return [
        (rng.normal(size=shape) * 10.0 ** rng.integers(-3, 4, shape)).astype(dtype)
        for _ in range(shards)
    ]
