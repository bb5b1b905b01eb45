"""Stacks of LSTMs: layers side by side against one after the other, and against PyTorch.

    python profiling/lanes.py          # two and four LSTM-256, T = 1000, B = 4 and 16, two threads
    python profiling/lanes.py --layers 2 --batches 4 --rounds 3 --against rows torch

Each figure is a median of ratios within rounds, of processes in alternation. "rows" shares the rows or units of each
layer among all threads, one layer after the other; "one" is one thread; "lanes" is what a run does by itself.
"""

from __future__ import annotations

import argparse
import time
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
from processes import dispatch, fresh, table

KINDS = ("lanes", "rows", "one", "torch")


def by_rnnbp(kind: str, data: tuple[np.ndarray, np.ndarray], layers: int, units: int) -> Any:
    """A run of forward and backward, with the gradient by x."""
    import rnnbp as rb
    from rnnbp.bptt.lane_rounds import LaneRounds

    if kind == "rows":
        for way in ("forward", "back"):  # no lanes; AttributeError where these have other names
            patch.object(LaneRounds, way, lambda *given: None).start()
    x, target = data
    model = rb.Sequential(*[rb.LSTM(units, units, rng=k) for k in range(layers)])
    return lambda: rb.bptt(model, x, target, rb.losses.MeanSquaredError())


def by_torch(data: tuple[np.ndarray, np.ndarray], layers: int, units: int) -> Any:
    """The same by PyTorch."""
    import torch

    x, target = map(torch.from_numpy, data)
    model = torch.nn.LSTM(units, units, layers)

    def run() -> None:
        model.zero_grad()
        given = x.detach().requires_grad_()
        torch.nn.functional.mse_loss(model(given)[0], target).backward()

    return run


def seconds(kind: str, layers: int, batch: int, units: int, steps: int, repeats: int) -> float:
    """The median of some runs, after one that compiles."""
    rng = np.random.default_rng(0)
    x, target = (rng.normal(size=(steps, batch, units)).astype(np.float32) for _ in range(2))
    how = (x, target), layers, units
    run, found = by_torch(*how) if kind == "torch" else by_rnnbp(kind, *how), []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        run()
        found.append(time.perf_counter() - start)
    return median(found[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 4])
    parser.add_argument("--batches", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--against", nargs="*", choices=KINDS[1:], default=["rows", "one"])
    given = parser.parse_args()
    rows = []
    for layers in given.layers:
        for batch in given.batches:
            what = {"layers": layers, "batch": batch, "units": given.units, "steps": given.steps}
            times = [
                {
                    kind: fresh(
                        "seconds",
                        threads=1 if kind == "one" else given.threads,
                        kind=kind,
                        repeats=given.repeats,
                        **what,
                    )
                    for kind in ["lanes", *given.against]
                }
                for _ in range(given.rounds)
            ]
            own = f"{1e3 * median(each['lanes'] for each in times):.1f}"
            ratios = [median(e[kind] / e["lanes"] for e in times) for kind in given.against]
            rows.append([f"{layers} layers, B = {batch}", own, *[f"{r:.2f}" for r in ratios]])
            print(*rows[-1], flush=True)
    print(table(["", "lanes, ms", *[f"{kind} / lanes" for kind in given.against]], rows))


if __name__ == "__main__":
    dispatch(main, {"seconds": seconds})
