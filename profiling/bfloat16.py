"""Products of bfloat16: what they gain over float32 and PyTorch's autocast, and how far results are from float64's.

Forward and backward with everything cached, two threads; each contender runs in a process of its own, in alternation,
and figures are medians of ratios within rounds. ``--grid`` runs all shapes of ``peers_problem``, with the geometric
means. ``--errors`` compares five models with the same in float64, without times.
"""

from __future__ import annotations

import argparse
import os
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
import peers_problem
from processes import POOLS, dispatch, fresh, save, table

import rnnbp as rb

GRID = [(100, 64, 512, 512), (50, 20, 32, 1024), (1000, 32, 64, 256)]
"""T, B, inputs, units."""
CONTENDERS = ("float32", "bfloat16", "torch", "torch autocast")
LOSS = rb.losses.MeanSquaredError()


def drawn(shape: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """(x, target)."""
    steps, batch, inputs, units = shape
    rng = np.random.default_rng(0)
    sizes = (steps, batch, inputs), (steps, batch, units)
    x, target = (rng.standard_normal(size, np.float32) for size in sizes)
    return x, target


def ours(shape: list[int], precision: Any) -> Any:
    (x, target), model = drawn(shape), rb.LSTM(shape[2], shape[3], rng=0)
    backend = rb.Backend("llvm", precision=precision)
    return lambda: rb.bptt(model, x, target, LOSS, backend=backend, dx=True)


def torchs(shape: list[int], *, autocast: bool) -> Any:
    import torch

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    x, target = map(torch.tensor, drawn(shape))
    model = torch.nn.LSTM(shape[2], shape[3])
    x.requires_grad = True

    def run() -> None:
        model.zero_grad()
        x.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y, _ = model(x)
        torch.nn.functional.mse_loss(y.float(), target).backward()

    return run


def child(*, shape: list[int], name: str, seconds: float) -> float:
    """The median of a run."""
    plain = name in CONTENDERS[:2]
    run = ours(shape, name) if plain else torchs(shape, autocast=name.endswith("autocast"))
    run()
    run()
    found, end = list[float](), time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return median(found)


def raced(shape: tuple[int, ...], names: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """The row of a shape: milliseconds, and how many times as long as bfloat16 the others take."""
    rounds = list[dict[str, float]]()
    for k in range(options.rounds):
        given = {"shape": shape, "seconds": options.seconds, "threads": options.threads}
        turned = [*names[k % len(names) :], *names[: k % len(names)]]
        rounds.append({name: fresh("child", name=name, **given) for name in turned})
    row: dict[str, Any] = {"shape": ",".join(map(str, shape))}
    row |= {f"{name} ms": 1e3 * median(one[name] for one in rounds) for name in names}
    ratios = {n: median(one[n] / one["bfloat16"] for one in rounds) for n in names}
    row |= {f"{name} / bfloat16": ratios[name] for name in names if name != "bfloat16"}
    both = [name for name in names if name.startswith("torch")]
    better = [min(one[name] for name in both) / one["bfloat16"] for one in rounds if both]
    return row | ({"better torch / bfloat16": median(better)} if both else {})


def means(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The geometric means of all ratios."""
    ratios = [name for name in rows[0] if "/" in name]
    plain = dict.fromkeys(rows[0], "") | {"shape": "geometric mean"}
    return plain | {name: geometric_mean(row[name] for row in rows) for name in ratios}


MODELS = {
    "LSTM": lambda dtype: rb.Sequential(rb.LSTM(16, 128, rng=0, dtype=dtype)),
    "GRU": lambda dtype: rb.Sequential(rb.GRU(16, 128, rng=0, dtype=dtype)),
    "RNN": lambda dtype: rb.Sequential(rb.RNN(16, 128, rng=0, dtype=dtype)),
    "MinGRU": lambda dtype: rb.Sequential(rb.MinGRU(16, 128, rng=0, dtype=dtype)),
    "two LSTMs, Dense": lambda dtype: rb.Sequential(
        rb.LSTM(16, 128, rng=0, dtype=dtype),
        rb.LSTM(128, 128, rng=1, dtype=dtype),
        rb.Dense(128, 128, rng=2, dtype=dtype),
    ),
}


def errors(name: str) -> list[dict[str, Any]]:
    """The rows of a model: how far loss, y and gradients are from those of float64, relative to the largest."""
    x, target = drawn([100, 16, 16, 128])
    wide = MODELS[name]("float64")
    exact = rb.bptt(wide, x.astype(float), target.astype(float), LOSS, return_y=True)
    found = list[dict[str, Any]]()
    for precision in CONTENDERS[:2]:
        model = wide.astype("float32")
        backend: Any = rb.Backend("llvm", precision=precision)
        run = rb.bptt(model, x, target, LOSS, backend=backend, return_y=True)
        apart = [np.abs(run.grads[k] - g).max() / np.abs(g).max() for k, g in exact.grads.items()]
        found.append(
            {
                "model": name,
                "precision": precision,
                "loss": abs(run.loss - exact.loss) / exact.loss,
                "y": np.abs(run.y - exact.y).max() / np.abs(exact.y).max(),
                "gradients": max(apart),
            }
        )
    return found


def shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--errors", action="store_true", help="no times, but errors of five models")
    parser.add_argument("--grid", action="store_true", help="all shapes of peers_problem")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each contender in a round")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("runs/bfloat16"))
    options = parser.parse_args()
    names = [n for n in CONTENDERS if not n.startswith("torch") or find_spec("torch")]
    rows = list[dict[str, Any]]()
    if options.errors:
        rows += [row for name in MODELS for row in errors(name)]
    else:
        for shape in peers_problem.GRID if options.grid else GRID:
            rows.append(raced(shape, names, options))
            print(*map(shown, rows[-1].values()), flush=True)
        rows.append(means(rows))
    print(table(list(rows[0]), [list(map(shown, row.values())) for row in rows]))
    save(options.out, "errors" if options.errors else "bfloat16", rows)


if __name__ == "__main__":
    dispatch(main, {"child": child})
