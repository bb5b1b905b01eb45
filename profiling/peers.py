"""Forward and backward of an LSTM beside PyTorch's, over a grid of shapes.

Each library runs in a process of its own, in alternation; figures are medians of ratios within rounds.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
from processes import dispatch, fresh, save, table

GRID = (
    (100, 32, 128, 128),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (1000, 1, 64, 64),
    (1000, 8, 128, 128),
    (256, 128, 64, 128),
    (50, 20, 32, 1024),
    (1000, 32, 64, 256),
)
"""(T, B, inputs, units)."""
SECONDS = 1.5
"""What the timed runs of a process take together, at least three of them."""


def timed(run: Any) -> float:
    """The median of seconds of a call, after two that warm up."""
    run()
    run()
    found: list[float] = []
    while len(found) < 3 or sum(found) < SECONDS:
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return median(found)


def arrays(shape: list[int]) -> tuple[Any, Any]:
    steps, batch, inputs, units = shape
    rng = np.random.default_rng(0)
    return rng.standard_normal((steps, batch, inputs), np.float32), rng.standard_normal(
        (steps, batch, units), np.float32
    )


def ours(shape: list[int], backend: str, chunk: int) -> float:
    """Seconds of ``bptt`` with everything cached."""
    import rnnbp as rb

    x, dy = arrays(shape)
    model = rb.LSTM(shape[2], shape[3], rng=0)
    return timed(lambda: rb.bptt(model, x, dy, lambda y, dy: (0.0, dy), backend=backend, chunk=chunk))


def torch(shape: list[int]) -> float:
    """Seconds of ``torch.nn.LSTM``."""
    import torch

    x, dy = map(torch.from_numpy, arrays(shape))
    x.requires_grad_()
    model = torch.nn.LSTM(shape[2], shape[3])

    def run() -> None:
        model.zero_grad()
        x.grad = None
        model(x)[0].backward(dy)

    return timed(run)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of BLAS and of PyTorch")
    parser.add_argument("--chunk", type=int, default=32, help="steps in a chunk")
    parser.add_argument("--interpreter", action="store_true", help="run the plain graph walker too")
    parser.add_argument("--shapes", type=int, nargs="*", default=list(range(len(GRID))), help="rows of the grid")
    parser.add_argument("--out", type=Path, default=Path("runs/peers"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    backends = ["numpy", *(["interpreter"] if options.interpreter else [])]
    rows = []
    for shape in (GRID[k] for k in options.shapes):
        rounds: list[dict[str, float]] = []
        for _ in range(options.rounds):
            found = {"torch": fresh("torch", threads=options.threads, shape=shape)}
            for backend in backends:
                given = {"shape": shape, "backend": backend, "chunk": options.chunk}
                found[backend] = fresh("ours", threads=options.threads, **given)
            rounds.append(found)
        row = {"shape": str(shape), "torch": median(r["torch"] for r in rounds)}
        row |= {f"torch/{b}": median(r["torch"] / r[b] for r in rounds) for b in backends}
        rows.append(row)
        print(row, flush=True)
    heads = list(rows[0])
    print(table(heads, [[row["shape"], *(f"{row[key]:.4f}" for key in heads[1:])] for row in rows]))
    for key in heads[2:]:
        mean = geometric_mean([row[key] for row in rows])
        assert math.isfinite(mean)
        print(f"{key}: geometric mean {mean:.3f}, least {min(row[key] for row in rows):.3f}")
    save(options.out, "lstm", rows, threads=options.threads)


if __name__ == "__main__":
    dispatch(main, {"ours": ours, "torch": torch})
