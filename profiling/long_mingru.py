"""minGRU and LSTM over one long sequence: seconds of a run, and bytes of its tapes.

    python profiling/long_mingru.py                    # B = 1, T = 10,000, 256 units; one and two threads
    python profiling/long_mingru.py --rounds 9 --threads 4 --chunks 32 1000

A gate of minGRU depends on x alone, so that products are of whole chunks and steps are pointwise; LSTM has products in
each step. Both have their turn in each round, in fresh processes; the medians are compared.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any

import numpy as np
from processes import dispatch, fresh, megabytes, table

import rnnbp as rb

CELLS = {"LSTM": rb.LSTM, "MinGRU": rb.MinGRU}
RUNS = 3
"""Of a process, after one that compiles; the fastest counts."""


def measured(cell: str, steps: int, units: int, chunk: int) -> dict[str, Any]:
    """Seconds of a run forward and backward, and the bytes of its tapes at the peak."""
    rng = np.random.default_rng(0)
    x, target = rng.normal(size=(2, steps, 1, units)).astype("float32")
    model, loss, seconds = CELLS[cell](units, units, rng=0), rb.losses.MeanSquaredError(), []
    for _ in range(1 + RUNS):
        start = time.perf_counter()
        found = rb.bptt(model, x, target, loss, chunk=chunk)
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds[1:]), "tape": found.stats.peak_bytes_by_kind["tape"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--chunks", type=int, nargs="+", help="by default 32, 512 and all steps")
    given = parser.parse_args()
    rows = []
    for threads in given.threads:
        for chunk in given.chunks or [32, 512, given.steps]:
            found: dict[str, list[dict[str, Any]]] = {cell: [] for cell in CELLS}
            for _ in range(given.rounds):
                for cell, each in found.items():
                    how = {"steps": given.steps, "units": given.units, "chunk": chunk}
                    each.append(fresh("measured", threads=threads, cell=cell, **how))
            lstm, mingru = (median(f["seconds"] for f in each) for each in found.values())
            tapes = [each[0]["tape"] for each in found.values()]
            ratios = f"{lstm / mingru:.2f}", *map(megabytes, tapes), f"{tapes[1] / tapes[0]:.2f}"
            rows.append([f"{threads}, {chunk}", f"{lstm:.3f}", f"{mingru:.3f}", *ratios])
    heads = ["threads, chunk", "LSTM s", "minGRU s", "times as fast", "tape MB", "tape MB", "share"]
    print(table(heads, rows))


if __name__ == "__main__":
    dispatch(main, {"measured": measured})
