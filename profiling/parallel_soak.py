"""Whether many sums and steps of several processes leave anything behind: memory, descriptors, threads, messages.

    mpiexec -n 3 python profiling/parallel_soak.py 10000

Each round sums arrays of a random size over a random number of shards, and trains a step with as many. Trainers are
built anew after 500 rounds, as their histories grow. All processes print what they hold, first after a warm-up: the
lines of a process are to be compared. With "traced" after the number they trace allocations, which is slower.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rnnbp as rb
from rnnbp.parallel import MPI, tree_sum
from rnnbp.parallel.world import library, world

MOST, LARGEST, ANEW = 16, 20_000, 500
"""Shards, elements of an array, and rounds after which trainers are built anew."""


class Held(NamedTuple):
    """What a process holds."""

    rounds: int
    resident: int
    traced: int
    descriptors: int
    threads: int
    pending: bool


def held(rounds: int) -> Held:
    """Now: kB resident, kB of Python's objects and NumPy's arrays, and whether a message waits to be received."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    anyone = library().ANY_SOURCE, library().ANY_TAG
    world().Barrier()
    return Held(
        rounds,
        pages * os.sysconf("SC_PAGE_SIZE") // 1000,
        tracemalloc.get_traced_memory()[0] // 1000,
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
        bool(world().Iprobe(*anyone)),
    )


def trainer(parallel: MPI) -> rb.Trainer:
    """Of a small model."""
    model = rb.Sequential(rb.GRU(2, 4, rng=0), rb.Dense(4, 2, rng=1))
    return rb.Trainer(
        model, "adam", rb.losses.MeanSquaredError(), parallel=parallel, progress=False
    )


def main(rounds: int, *, traced: bool) -> None:
    """One process."""
    if traced:
        tracemalloc.start()
    rng, began = np.random.default_rng(0), time.monotonic()
    x = rng.normal(size=(MOST, 6, 2)).astype("float32")
    data, fewest = rb.Sequences(x, x, batch_size=MOST), MPI(shards=MOST).processes
    marks = {rounds * k // 5 for k in range(1, 6)} | {rounds // 10}
    trainers: dict[int, rb.Trainer] = {}
    for k in range(1, rounds + 1):
        shards = int(rng.integers(fewest, MOST + 1))
        parallel = MPI(shards=shards)
        size = int(rng.integers(1, LARGEST))
        total = tree_sum((np.full(size, shard, "f4") for shard in parallel.own), parallel)
        assert total[0] == total[-1] == shards * (shards - 1) // 2
        del total
        if shards not in trainers:
            trainers[shards] = trainer(parallel)
        trainers[shards].fit(data, steps=1)
        if k % ANEW == 0:
            trainers.clear()
        if k in marks:
            print(f"{parallel.rank} {held(k)} {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), traced="traced" in sys.argv)
