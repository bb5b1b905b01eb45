"""Both directions over one long sequence within a budget: what is told beforehand, and what tracemalloc finds.

    python profiling/long_both.py                      # two layers of LSTM-64, T = 100,000, B = 1, within 64 MB
    python profiling/long_both.py --steps 20000 --units 128 --budget "32 MB"

x is mapped from a file, and the whole has one class. What the first layer hands to the second does not fit, and is in
files. A short run comes first, because compiling takes a few megabytes that no later run does.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from processes import megabytes

import rnnbp as rb

WARM = 2000
"""Steps of the short run, at most."""


def network(units: int) -> rb.Sequential:
    """Two bidirectional LSTMs, the mean over the steps, ten classes."""
    first, second = (
        rb.Bidirectional(rb.LSTM(n, units, rng=k), rb.LSTM(n, units, rng=k + 1))
        for k, n in ((0, units), (2, 2 * units))
    )
    return rb.Sequential(first, second, rb.MeanOverTime(), rb.Dense(2 * units, 10, rng=4))


def mapped(folder: str, steps: int, units: int) -> np.memmap:
    """(T, 1, units) random numbers in a file."""
    x = np.memmap(Path(folder) / "x", np.float32, "w+", shape=(steps, 1, units))
    rng = np.random.default_rng(0)
    for start in range(0, steps, WARM):
        part = x[start : start + WARM]
        part[...] = rng.normal(size=part.shape)
    return x


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--budget", default="64 MB")
    given = parser.parse_args()
    model, target, loss = network(given.units), np.array([3]), rb.losses.CrossEntropy()
    with tempfile.TemporaryDirectory() as folder:
        x = mapped(folder, given.steps, given.units)
        options = {"checkpoint": given.budget, "dx": False, "folder": folder}
        rb.bptt(model, np.array(x[:WARM]), target, loss, **options)
        rb.release_memory()
        start = time.perf_counter()
        with rb.memory.measure() as used:
            stats = rb.bptt(model, x, target, loss, **options).stats
        seconds = time.perf_counter() - start
        del x
    told = stats.peak_bytes + stats.object_bytes
    print(f"{given.steps:,} steps, two bidirectional LSTM-{given.units}, budget {given.budget}")
    print(
        f"tracemalloc {megabytes(used.peak_bytes)} MB, told {megabytes(told)} MB"
        f" (arrays {megabytes(stats.peak_bytes)} MB)"
    )
    print(f"{seconds:.0f} s; {stats.steps_rerun:,} steps of layers run again")


if __name__ == "__main__":
    main()
