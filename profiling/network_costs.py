"""What a step of several processes is made of, measured here: messages, additions, and the work of a shard."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ranks_problem import BATCH, PROBLEMS
from training_steps import CLIP, RATE

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.parallel.world import world

SIZES = 4, 1_000, 4_000, 16_000, 64_000, 256_000, 1_000_000, 4_000_000
"""Bytes of messages."""
SHARDS = 1, 2, 4, 8, 16, 32
"""A batch of 32 rows is cut into."""


@dataclass(frozen=True)
class Network:
    """A message of n bytes both ways takes ``latency + n * per_byte`` seconds."""

    latency: float
    per_byte: float

    def message(self, nbytes: float) -> float:
        """Seconds of a message."""
        return self.latency + nbytes * self.per_byte


@dataclass(frozen=True)
class Work:
    """Seconds of one process.

    Attributes:
        nbytes: of the gradients.
        shard: by the number of shards in a batch of 32 rows, forward and backward of one.
        update: of clipping and Adam.
        add, copy: a byte, of an addition to a sum and of packing.
    """

    nbytes: int
    shard: dict[int, float]
    update: float
    add: float
    copy: float


def usual(call: Callable[[], object], seconds: float = 0.4, calls: int = 5) -> float:
    """The median of the processor seconds of some calls."""
    call()
    ended, found = time.perf_counter() + seconds, list[float]()
    while len(found) < calls or time.perf_counter() < ended:
        began = time.process_time()
        call()
        found.append(time.process_time() - began)
    return float(np.median(found))


def messages(*, repeats: int) -> dict[str, Any] | None:
    """Seconds of a swap between neighbours, all pairs at once, by size; ``one way`` is half of there and back."""
    parallel = rb.parallel.MPI(shards=world().Get_size())
    found: dict[str, Any] = {"bytes": SIZES, "swap": [], "one way": []}
    for nbytes in SIZES:
        array, into = np.ones((2, nbytes), "u1")
        found["swap"].append(_fastest(partial(_swap, parallel, array, into), repeats))
        there_and_back = partial(_there_and_back, parallel, array, into)
        found["one way"].append(_fastest(there_and_back, repeats) / 2)
    return found if parallel.rank == 0 else None


def _swap(parallel: rb.parallel.Exchange, array: Array, into: Array) -> None:
    parallel.swap(parallel.rank ^ 1, array, into)


def _there_and_back(parallel: rb.parallel.Exchange, array: Array, into: Array) -> None:
    for sends in (parallel.rank % 2 == 0, parallel.rank % 2 == 1):
        if sends:
            parallel.send(parallel.rank ^ 1, array)
        else:
            parallel.receive(parallel.rank ^ 1, into)


def _fastest(call: Callable[[], object], repeats: int) -> float:
    """The tenth part of the fastest has at most this many seconds; equally many calls in all ranks."""
    found = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        found.append(time.perf_counter() - began)
    return float(np.quantile(found, 0.1))


def fitted(sizes: list[int], seconds: list[float]) -> Network:
    """The line of least squares of relative differences, whose latency is not below 0."""
    n, t = np.array(sizes, float), np.array(seconds)
    rows = np.stack([np.ones_like(n), n], axis=1) / t[:, None]
    latency, per_byte = np.linalg.lstsq(rows, np.ones_like(t), rcond=None)[0]
    return Network(float(max(latency, 0.0)), float(per_byte))


def work(*, problem: str) -> dict[str, Any] | None:
    """The fields of ``Work`` of a problem, while all ranks do the same: they share memory and caches."""
    given = PROBLEMS[problem]()
    model, loss, batch, shard = given.model, given.loss, given.batch(0), dict[int, float]()
    for shards in SHARDS:
        own = np.s_[:, : BATCH // shards]
        x, target = np.ascontiguousarray(batch.x[own]), np.ascontiguousarray(batch.target[own])
        shard[shards] = usual(partial(rb.bptt, model, x, target, loss))
    grads = rb.bptt(model, batch.x, batch.target, loss).grads
    optimizer = rb.optim.Adam(model, RATE)

    def update() -> None:
        rb.optim.clip_norm(grads, CLIP)
        optimizer.step(grads)

    nbytes = sum(g.nbytes for g in grads.values())
    a, b = np.ones((2, nbytes // 4), "float32")
    adding, copying = usual(lambda: np.add(a, b, out=a)), usual(lambda: np.copyto(a, b))
    found = {
        "nbytes": nbytes, "shard": shard, "update": usual(update),
        "add": adding / nbytes, "copy": copying / nbytes,
    }  # fmt: skip
    return found if world().Get_rank() == 0 else None


def overlap(*, nbytes: int, repeats: int) -> dict[str, float] | None:
    """Seconds of work and of a swap of two processes, of one after the other, and of a swap begun before the work.

    The second is the most that could be gained from exchanging gradients while others are computed.
    """
    from mpi4py import MPI as mpi  # noqa: N811 (its messages without waiting)

    comm, parallel = mpi.COMM_WORLD, rb.parallel.MPI(shards=2)
    other = parallel.rank ^ 1
    array, into = np.ones((2, nbytes), "u1")
    a, b = np.ones((2, 128, 128), "float32")  # short work, which others seldom disturb

    def work() -> None:
        for _ in range(3):
            a @ b

    def swap() -> None:
        mpi.Request.Waitall([comm.Irecv(into, other), comm.Isend(array, other)])

    def after() -> None:
        work()
        swap()

    def meanwhile() -> None:
        begun = [comm.Irecv(into, other), comm.Isend(array, other)]
        work()
        mpi.Request.Waitall(begun)

    calls = {"work": work, "swap": swap, "after": after, "meanwhile": meanwhile}
    found = {name: _fastest(call, repeats) for name, call in calls.items()}
    return found if parallel.rank == 0 else None
