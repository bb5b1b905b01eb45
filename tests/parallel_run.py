"""A process of a parallel run: ``mpiexec -n P python -m mpi4py -m tests.parallel_run WHAT FOLDER``.

``sums`` writes the sums of several numbers of shards into files for each process; ``raise`` raises
an exception in the last process, while the others wait for it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel import MPI, Exchange, messages, tree_sum
from tests.simulated_processes import shards_of

CASES = [(4, "float32"), (5, "float64"), (8, "float32"), (11, "float16"), (16, "complex64")]
"""Shards and dtypes."""
SHAPE, MOST = (41, 5), 100
"""Arrays, and the bytes of a message, so that they are cut into several."""


def sums(exchange: type[Exchange]) -> dict[str, Array]:
    """The sums of all cases, by case."""
    found = {}
    for shards, dtype in CASES:
        parallel, values = exchange(shards=shards), shards_of(shards, dtype, SHAPE)
        found[f"{shards} {dtype}"] = tree_sum((values[k] for k in parallel.own), parallel)
    return found


def main(what: str, folder: str) -> None:
    """One process."""
    messages.MOST = MOST
    parallel = MPI(shards=4)
    if what == "raise" and parallel.rank == parallel.processes - 1:
        raise RuntimeError("a fault of one process")
    for case, array in sums(MPI).items():
        np.save(Path(folder) / f"{parallel.rank} {case}.npy", array)


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        main(*sys.argv[1:])
