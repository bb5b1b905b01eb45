"""The same LSTM in PyTorch and in rnnbp: peak bytes and seconds of one loss with all its gradients.

PyTorch with its whole graph kept, and with ``torch.utils.checkpoint`` in segments; rnnbp with all cached, and within
budgets. Each run is in a process of its own, contenders in alternation, and each figure the median of its ratios
to PyTorch in the same round. Bytes are the rise of the resident high-water mark, the same tool for both.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import POOLS, dispatch, fresh, megabytes, save, table

import rnnbp as rb

LOSS = rb.losses.MeanSquaredError()
WARM = 8
"""Steps of the run before the measured ones."""
AGREE = 1e-4
"""Largest difference of a gradient, relative to its largest value: float32 over a thousand steps."""


def data(
    steps: int, batch: int, n_in: int, units: int
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Weights by PyTorch's names, x (T, B, n_in), target (T, B, units); the same in every process."""
    rng = np.random.default_rng(0)
    shapes = {
        "weight_ih": (4 * units, n_in),
        "weight_hh": (4 * units, units),
        "bias_ih": (4 * units,),
    }
    shapes["bias_hh"] = shapes["bias_ih"]
    weights = {
        name: rng.uniform(-1, 1, shape).astype(np.float32) / units**0.5
        for name, shape in shapes.items()
    }
    x, target = (rng.normal(size=(steps, batch, n)).astype(np.float32) for n in (n_in, units))
    return weights, x, target


def observed(run: Callable[[int], dict[str, Any]], steps: int, results: str) -> dict[str, Any]:
    """Bytes of a first whole run, after a short one; seconds of a second; and the loss."""
    run(min(WARM, steps))
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc: what the short run freed shall not serve the next
    with rb.memory.high_water() as found:
        first = run(steps)
    np.savez(results, **first)
    del first
    began = time.perf_counter()
    run(steps)
    return {"bytes": found.high_water_bytes, "seconds": time.perf_counter() - began}


def ours(shape: list[int], segments: int, results: str, budget: float | None) -> dict[str, Any]:
    """rnnbp; ``budget`` is a part of the state and internals that full caching keeps, None to cache all."""
    weights, x, target = data(*shape)
    steps, batch, n_in, units = shape
    model = rb.LSTM(n_in, units)
    for name, array in model.params.items():
        array[...] = weights[name]
    plan: rb.Plan | None = None
    if budget is not None:
        plan = rb.plan(
            model, LOSS, steps=steps, batch=batch, budget=budget_of(model, steps, batch, budget)
        )
    stats = []

    def run(steps: int) -> dict[str, Any]:
        how = {"checkpoint": plan} if plan and steps == shape[0] else {}
        found = rb.bptt(model, x[:steps], target[:steps], LOSS, **how)
        stats.append(found.stats)
        return {"loss": found.loss, "x": found.dx, **found.grads}

    row = observed(run, steps, results)
    chosen = f"{plan.chosen.name}, chunks of {plan.chunk}" if plan else "chunks of 32"
    return {**row, "ledger": stats[-1].peak_bytes, "budget": plan and plan.budget, "how": chosen}


def budget_of(model: Any, steps: int, batch: int, part: float) -> int:
    """The gradients, which any run must hold, and a part of what full caching holds as well."""
    everything = rb.forecast(model, LOSS, steps=steps, batch=batch)
    gradients = everything.peak_bytes_by_kind["gradients"]
    return int(gradients + part * (everything.peak_bytes - gradients))


def theirs(shape: list[int], segments: int, results: str, checkpointed: bool) -> dict[str, Any]:
    """PyTorch; with checkpoints the loss of a segment is part of it, so that its outputs are not kept either."""
    import torch
    from torch.utils.checkpoint import checkpoint

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    weights, x, target = data(*shape)
    model = torch.nn.LSTM(*shape[2:])
    model.load_state_dict(
        {f"{name}_l0": torch.from_numpy(array) for name, array in weights.items()}
    )

    def segment(x: Any, target: Any, *state: Any) -> tuple[Any, ...]:
        y, state = model(x, state)
        return torch.nn.functional.mse_loss(y, target, reduction="sum"), *state

    def run(steps: int) -> dict[str, Any]:
        model.zero_grad()
        given, goal = torch.from_numpy(x[:steps]).requires_grad_(), torch.from_numpy(target[:steps])
        if not checkpointed:
            loss = torch.nn.functional.mse_loss(model(given)[0], goal)
        else:
            length = -(-steps // segments)
            state, loss = (torch.zeros(1, shape[1], shape[3]),) * 2, 0.0
            for part, wanted in zip(given.split(length), goal.split(length), strict=True):
                error, *state = checkpoint(segment, part, wanted, *state, use_reentrant=False)
                loss = loss + error
            loss = loss / goal.numel()
        loss.backward()
        return {
            "loss": loss.item(),
            "x": given.grad,
            **{name: getattr(model, f"{name}_l0").grad for name in weights},
        }

    return {
        **observed(run, shape[0], results),
        "how": f"{segments} segments" if checkpointed else "whole graph",
    }


def contenders(budgets: list[float]) -> dict[str, tuple[str, dict[str, Any]]]:
    """By name: which child, and its options. The first is what the others are compared with."""
    return {
        "PyTorch": ("theirs", {"checkpointed": False}),
        "PyTorch, checkpoints": ("theirs", {"checkpointed": True}),
        "rnnbp, all cached": ("ours", {"budget": None}),
        **{f"rnnbp, {part:g} % budget": ("ours", {"budget": part / 100}) for part in budgets},
    }


def disagreement(expected: Path, found: Path) -> float:
    """The largest difference of the loss or a gradient, relative to its largest value."""
    with np.load(expected) as a, np.load(found) as b:
        return max(
            float(np.abs(a[name] - b[name]).max() / np.abs(a[name]).max()) for name in a.files
        )


def raced(options: argparse.Namespace) -> list[list[dict[str, Any]]]:
    """Rounds of a row for each contender; in the first, gradients are compared with PyTorch's."""
    shape = [options.steps, options.batch, options.n_in, options.units]
    rounds = []
    with tempfile.TemporaryDirectory() as folder:
        for k in range(options.repeats):
            rows = []
            for n, (name, (child, how)) in enumerate(contenders(options.budgets).items()):
                results = Path(folder, f"{n}.npz")
                env = {
                    "threads": options.threads,
                    "segments": options.segments,
                    "results": str(results),
                }
                row = {"contender": name, **fresh(child, shape=shape, **env, **how)}
                row["apart"] = disagreement(Path(folder, "0.npz"), results)
                if row["apart"] > AGREE:
                    raise SystemExit(
                        f"{name}: gradients differ from PyTorch's by {row['apart']:.1e}; no comparison"
                    )
                rows.append(row)
            rounds.append(rows)
            print(f"round {k + 1} of {options.repeats}", file=sys.stderr, flush=True)
    return rounds


def summed_up(rounds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Medians over rounds: of bytes, seconds, and of both as ratios to the first contender of the round."""
    rows = []
    for k, row in enumerate(rounds[0]):
        more = {key: median(rows[k][key] for rows in rounds) for key in ("bytes", "seconds")}
        ratios = {
            f"{key}_ratio": median(rows[k][key] / max(rows[0][key], 1e-9) for rows in rounds)
            for key in more
        }
        rows.append({"budget": None, "ledger": None, **row, **more, **ratios})
    return rows


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name, default, what in (
        ("steps", 1000, "T"),
        ("batch", 32, "B"),
        ("n-in", 64, None),
        ("units", 256, None),
    ):
        parser.add_argument(f"--{name}", type=int, default=default, help=what)
    parser.add_argument("--segments", type=int, default=20, help="of PyTorch's checkpoints")
    parser.add_argument(
        "--budgets", type=float, nargs="+", default=[10.0, 5.0], help="in %% of what caching keeps"
    )
    parser.add_argument("--threads", type=int, default=2, help="of BLAS and of PyTorch")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("runs/torch_memory"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    if not find_spec("torch"):
        raise SystemExit(
            "torch_memory.py compares with PyTorch; install it with: pip install 'rnnbp[torch]'"
        )
    with rb.memory.high_water() as mark:
        pass
    if mark.high_water_bytes is None:
        raise SystemExit(
            "torch_memory.py needs a system that tells the resident high-water mark, as Linux"
        )
    rows = summed_up(raced(options))
    what = (
        f"LSTM, T = {options.steps}, B = {options.batch}, {options.n_in} inputs, {options.units} units, float32; "
        f"{options.threads} threads, medians of {options.repeats} rounds"
    )
    print(f"{what}; MB of 10^6 bytes\n")
    heads = [
        "contender",
        "high water",
        "ratio",
        "budget",
        "ledger",
        "seconds",
        "ratio",
        "apart",
        "how",
    ]
    print(table(heads, [shown(row) for row in rows]))
    save(options.out, f"torch_memory_{options.threads}_threads", rows, what=what)


def shown(row: dict[str, Any]) -> list[str]:
    sizes = [megabytes(row[key]) for key in ("bytes", "budget", "ledger")]
    ratios = [f"{row[key]:.3f}" for key in ("bytes_ratio", "seconds", "seconds_ratio")]
    return [
        row["contender"],
        sizes[0],
        ratios[0],
        *sizes[1:],
        *ratios[1:],
        f"{row['apart']:.1e}",
        row["how"],
    ]


if __name__ == "__main__":
    dispatch(main, {"ours": ours, "theirs": theirs})
