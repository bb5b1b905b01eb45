"""What a budget costs in time: full caching against shares of the bytes that it takes for state and internals.

An LSTM, T = 1000, 256 units, B = 32 by default. Each run is in a process of its own, in turns, and takes the median of
several gradients; the ratios are of runs that follow one another, and their median is what counts. Forecast seconds
come from a calibration in that same process, before the run. ``--tape-bits 16`` and ``--precision bfloat16`` round
what runs within a share; full caching is exact.
"""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path
from statistics import median
from typing import Any

from processes import dispatch, fresh, megabytes, save, table

SHARES = (2, 5, 10, 28, 50)


def run(
    budget: int,
    costs: dict[str, Any],
    gradients: int,
    steps: int,
    units: int,
    inputs: int,
    batch: int,
    rounds: dict[str, Any],
) -> dict[str, Any]:
    """Some gradients, after one that warms up: the memory of a first run is new to the process."""
    import numpy as np

    import rnnbp as rb

    rng = np.random.default_rng(0)
    model, loss = rb.LSTM(inputs, units, rng=0), rb.losses.MeanSquaredError()
    x = rng.normal(size=(steps, batch, inputs)).astype(np.float32)
    target = rng.normal(size=(steps, batch, units)).astype(np.float32)
    rounding: dict[str, Any] = {"backend": rb.Backend("llvm", **rounds)} if rounds else {}
    own = rb.calibrate(model, batch=batch, **rounding)
    given: dict[str, Any] = {"steps": steps, "batch": batch, **rounding}
    chosen = rb.plan(model, loss, budget=budget, costs=rb.Costs(**costs), **given)
    how: dict[str, Any] = {"checkpoint": chosen.chosen.schedule, "chunk": chosen.chunk}
    runs = [rb.bptt(model, x, target, loss, **how, **rounding) for _ in range(gradients + 1)]
    found = [one.stats for one in runs[1:]]
    stats = found[-1]
    return {
        "schedule": f"{chosen.chosen.name}, chunks of {chosen.chunk}",
        "state and internals": state_and_internals(stats.peak_bytes_by_kind),
        "bytes": stats.peak_bytes,
        "rerun": stats.steps_rerun,
        "rebuilt": stats.steps_rebuilt,
        "forecast": rb.forecast(model, loss, costs=own, **given, **how).seconds,
        "seconds": median(one.seconds for one in found),
    }


def choose(
    shares: list[float], steps: int, units: int, inputs: int, batch: int, rounds: dict[str, Any]
) -> dict[str, Any]:
    """Costs, and for each share the budget whose plan is the fastest with no more state and internals.

    The first share is all.
    """
    import numpy as np

    import rnnbp as rb

    model, loss = rb.LSTM(inputs, units, rng=0), rb.losses.MeanSquaredError()
    rounding: dict[str, Any] = {"backend": rb.Backend("llvm", **rounds)} if rounds else {}
    costs = rb.calibrate(model, batch=batch, **rounding)
    given: dict[str, Any] = {"steps": steps, "batch": batch, "costs": costs}
    all_cached = rb.plan(model, loss, budget=10**15, **given)
    most, plans = all_cached.forecast.peak_bytes, [all_cached]
    given |= rounding
    for budget in np.geomspace(most / 100, 1.1 * most, 80).astype(int).tolist():
        with contextlib.suppress(rb.BudgetError):
            plans.append(rb.plan(model, loss, budget=budget, **given))
    held = {id(plan): state_and_internals(plan.forecast.peak_bytes_by_kind) for plan in plans}
    budgets = [all_cached.budget]
    for share in shares[1:]:
        fitting = [plan for plan in plans if held[id(plan)] <= share / 100 * held[id(all_cached)]]
        if not fitting:
            raise SystemExit(
                f"budget_times: no schedule takes {share} % or less of full caching; ask for more"
            )
        budgets.append(min(fitting, key=lambda plan: plan.forecast.seconds or 0).budget)
    return {"costs": vars(costs), "budgets": budgets}


def state_and_internals(kinds: dict[str, int]) -> int:
    """Bytes of tapes and checkpoints, without gradients and workspaces, which full caching needs as well."""
    return sum(kinds.get(kind, 0) for kind in ("tape", "thin tape", "checkpoint"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    sizes = {"steps": 1000, "units": 256, "inputs": 64, "batch": 32}
    for name, value in (sizes | {"repeats": 7, "gradients": 5, "threads": 2}).items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"default {value}")
    parser.add_argument(
        "--shares", type=float, nargs="*", default=SHARES, help="per cent of full caching's bytes"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/budget_times"), help="folder of the results"
    )
    parser.add_argument("--tape-bits", type=int, choices=[16], help="of runs within a share")
    parser.add_argument("--precision", choices=["bfloat16"], help="of runs within a share")
    options = parser.parse_args()
    if min(options.repeats, options.gradients, options.threads) < 1:
        parser.error("--repeats, --gradients and --threads take a number from 1 on")
    given = {name: getattr(options, name) for name in sizes}
    rounds = {"tape_bits": options.tape_bits, "precision": options.precision}
    rounds = {name: value for name, value in rounds.items() if value}
    shares = [100.0, *options.shares]
    chosen = fresh("choose", threads=options.threads, shares=shares, rounds=rounds, **given)
    runs: dict[float, list[dict[str, Any]]] = {share: [] for share in shares}
    for _ in range(options.repeats):
        for budget, found in zip(chosen["budgets"], runs.values(), strict=True):
            more = {"budget": budget, "costs": chosen["costs"], "gradients": options.gradients}
            more["rounds"] = {} if found is runs[100.0] else rounds
            found.append(fresh("run", threads=options.threads, **more, **given))
    rows = [summary(share, found, runs[100.0]) for share, found in runs.items()]
    print(table(list(rows[0]), [[str(value) for value in row.values()] for row in rows]))
    save(
        options.out,
        "budget_times",
        rows,
        runs=[dict(r, share=share) for share, found in runs.items() for r in found],
    )


def summary(
    share: float, found: list[dict[str, Any]], full: list[dict[str, Any]]
) -> dict[str, Any]:
    """Medians of the runs of one share."""
    last = found[-1]
    return {
        "share %": f"{share:g}",
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
    dispatch(main, {"run": run, "choose": choose})
