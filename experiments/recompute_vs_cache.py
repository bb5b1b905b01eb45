"""Recompute against cache: time for memory under every schedule. ``rnnbp compare`` is this with every option.

Writes compare.csv, compare.json, compare.html and, with Matplotlib, two pictures: each schedule's bytes and time
under each budget, and which steps it runs when. Change the model to your own.
"""

import argparse
from pathlib import Path

import numpy as np

import rnnbp as rb


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cell", choices=["RNN", "LSTM", "GRU"], default="GRU")
    parser.add_argument("--units", type=int, default=64)
    parser.add_argument("--length", type=int, default=256, help="T, the steps of a sequence")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--budgets",
        type=float,
        nargs="+",
        default=[10, 28, 50, 100],
        help="percent of full caching",
    )
    parser.add_argument(
        "--schedules", choices=rb.compare.SCHEDULES, nargs="+", default=rb.compare.SCHEDULES
    )
    parser.add_argument(
        "--chunk", type=int, help="steps in a chunk; by default each schedule has its best"
    )
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/recompute_vs_cache"))
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    model = rb.Sequential(
        getattr(rb, options.cell)(8, options.units, rng=rng),
        rb.Dense(options.units, 8, rng=rng),
    )
    x = rng.standard_normal((options.length, options.batch, 8), np.float32)
    target = np.roll(x, 1, axis=0)
    found = rb.compare.sweep(
        model,
        x,
        target,
        rb.losses.MeanSquaredError(),
        shares=options.budgets,
        schedules=options.schedules,
        chunk=options.chunk,
        repeats=options.repeats,
        seed=options.seed,
        progress=None,
    )
    print(found)
    for path in rb.compare.save(found, options.folder, html=True):
        print(path)


if __name__ == "__main__":
    main()
