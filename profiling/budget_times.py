"""What a budget costs in time: full caching against shares of the bytes that it takes for state and internals.

An LSTM, T = 1000, 256 units, B = 32 by default. Each run is in a process of its own, in turns; the ratios are of
runs that follow one another, and their median is what counts. Forecast seconds come from a calibration in that
same process, before the run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import Any

from processes import dispatch, fresh, megabytes, save, table

SHARES = (2, 5, 10, 28, 50)


def run(share: float | None, steps: int, units: int, inputs: int, batch: int) -> dict[str, Any]:
    """One gradient; ``share`` in per cent, None for full caching."""
    import numpy as np

    import rnnbp as rb

    rng = np.random.default_rng(0)
    model, loss = rb.LSTM(inputs, units, rng=0), rb.losses.MeanSquaredError()
    x = rng.normal(size=(steps, batch, inputs)).astype(np.float32)
    target = rng.normal(size=(steps, batch, units)).astype(np.float32)
    costs = rb.calibrate(model, batch=batch)
    given = {"steps": steps, "batch": batch, "costs": costs}
    everything = rb.plan(model, loss, budget="100 GB", **given)
    chosen = everything if share is None else within(rb, model, loss, share, everything, given)
    rb.bptt(model, x, target, loss, checkpoint=chosen)  # warms up: the memory of a first run is new to the process
    stats = rb.bptt(model, x, target, loss, checkpoint=chosen).stats
    return {
        "schedule": f"{chosen.chosen.name}, chunks of {chosen.chunk}",
        "state and internals": state_and_internals(stats.peak_bytes_by_kind),
        "bytes": stats.peak_bytes,
        "rerun": stats.steps_rerun,
        "rebuilt": stats.steps_rebuilt,
        "forecast": chosen.forecast.seconds,
        "seconds": stats.seconds,
    }


def within(rb: Any, model: Any, loss: Any, share: float, everything: Any, given: dict[str, Any]) -> Any:
    """The plan whose state and internals take at most this share of full caching's: a budget, found by bisection."""
    limit = share / 100 * state_and_internals(everything.forecast.peak_bytes_by_kind)
    low, high, found = 0, everything.forecast.peak_bytes, None
    for _ in range(12):
        budget = (low + high) // 2
        try:
            plan = rb.plan(model, loss, budget=budget, **given)
        except rb.BudgetError:
            low = budget
            continue
        if state_and_internals(plan.forecast.peak_bytes_by_kind) <= limit:
            low, found = budget, plan
        else:
            high = budget
    if found is None:
        raise SystemExit(f"budget_times: no schedule takes {share} % or less of full caching; ask for more")
    return found


def state_and_internals(kinds: dict[str, int]) -> int:
    """Bytes of tapes and checkpoints, without gradients and workspaces, which full caching needs as well."""
    return sum(kinds.get(kind, 0) for kind in ("tape", "thin tape", "checkpoint"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("steps", 1000), ("units", 256), ("inputs", 64), ("batch", 32), ("repeats", 7), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument("--shares", type=float, nargs="*", default=SHARES, help="per cent of full caching's bytes")
    parser.add_argument("--out", type=Path, default=Path("runs/budget_times"), help="folder of the results")
    options = parser.parse_args()
    given = {name: getattr(options, name) for name in ("steps", "units", "inputs", "batch")}
    runs: dict[float | None, list[dict[str, Any]]] = {share: [] for share in (None, *options.shares)}
    for _ in range(options.repeats):
        for share, found in runs.items():
            found.append(fresh("run", threads=options.threads, share=share, **given))
    rows = [summary(share, found, runs[None]) for share, found in runs.items()]
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    save(options.out, "budget_times", rows, runs=[dict(r, share=share) for share, found in runs.items() for r in found])


def summary(share: float | None, found: list[dict[str, Any]], full: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the runs of one share."""
    last = found[-1]
    return {
        "share %": "all" if share is None else f"{share:g}",
        "MB": megabytes(last["state and internals"]),
        "rerun": last["rerun"],
        "rebuilt": last["rebuilt"],
        "ratio": f"{median(a['seconds'] / b['seconds'] for a, b in zip(found, full, strict=True)):.3f}",
        "forecast ratio": f"{median(a['forecast'] / b['forecast'] for a, b in zip(found, full, strict=True)):.3f}",
        "forecast/measured": f"{median(a['forecast'] / a['seconds'] for a in found):.3f}",
        "seconds": f"{median(a['seconds'] for a in found):.3f}",
        "schedule": last["schedule"],
    }


if __name__ == "__main__":
    dispatch(main, {"run": run})
