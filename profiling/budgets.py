"""Budgets from the least that works to all cached: are they kept, and are larger ones faster?

For each the plan, its forecast, and a run's ledger, tracemalloc's peak and that of arrays alone; then seconds,
without tracing, in rounds over all budgets so that a busy moment does not fall on one of them.
"""

from __future__ import annotations

import argparse
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from cases import CASES, Case, traced
from processes import megabytes, save, table
from threadpoolctl import threadpool_limits

import rnnbp as rb

HEADS = [
    "budget",
    "forecast",
    "ledger",
    "its arrays",
    "tracemalloc",
    "predicted s",
    "measured s",
    "schedule",
]


def plan(case: Case, budget: int, costs: rb.Costs) -> rb.Plan:
    """The plan for a budget."""
    return rb.plan(case.model, case.loss, budget=budget, costs=costs, **case.shapes())


def spread(case: Case, count: int, costs: rb.Costs) -> list[int]:
    """Budgets in equal ratios, from the least that works to one that everything fits in."""
    try:
        plan(case, 1, costs)
        raise SystemExit("a budget of 1 byte found a plan, though none should; give a larger model")
    except rb.BudgetError as error:
        least = error.least or 0
    fastest, cached = (
        plan(case, 2**50, costs).forecast,
        rb.forecast(case.model, case.loss, **case.shapes()),
    )
    most = 1.1 * max(fastest.peak_bytes, cached.peak_bytes) + 2**17
    return [int(n) for n in np.geomspace(least, most, count)]


def measured(case: Case, plans: list[rb.Plan]) -> list[dict[str, Any]]:
    """Bytes of a run of each plan."""
    rows = []
    case.short(8).run("sqrt", 4)  # what is made once, at the first run, is not the run's
    for found in plans:
        rows.append(
            {
                "budget": found.budget,
                "forecast": found.forecast.peak_bytes,
                **traced(case, found.chosen.schedule, found.chunk),
                "seconds_predicted": found.chosen.seconds,
                "schedule": f"{found.chosen.name}, chunks of {found.chunk}",
            }
        )
    return rows


def timed(case: Case, plans: list[rb.Plan], repeats: int) -> list[float]:
    """The median of seconds of each plan."""
    rounds = [
        [case.run(p.chosen.schedule, p.chunk).stats.seconds for p in plans] for _ in range(repeats)
    ]
    return [median(found) for found in zip(*rounds, strict=True)]


def judged(rows: list[dict[str, Any]]) -> list[str]:
    """What the table says, in sentences."""
    lines = []
    for key, what in (
        ("ledger", "the ledger"),
        ("arrays", "arrays"),
        ("traced", "arrays and Python objects"),
    ):
        over = [row[key] - row["budget"] for row in rows]
        within, worst = sum(n <= 0 for n in over), max(over)
        excess = f"; at most {worst:,} bytes over" if worst > 0 else ""
        lines.append(f"{what}: {within} of {len(rows)} peaks within the budget{excess}")
    more = [row["traced"] - row["ledger"] for row in rows]
    apart = max(abs(row["arrays"] - row["ledger"]) for row in rows)
    equal = sum(row["forecast"] == row["ledger"] for row in rows)
    lines.append(f"forecast and ledger: equal in {equal} of {len(rows)}")
    lines.append(f"arrays and ledger: at most {apart:,} bytes apart")
    lines.append(
        f"tracemalloc over the ledger: {min(more):,} to {max(more):,} bytes, median {int(median(more)):,}"
    )
    for key, what in (("seconds_predicted", "predicted"), ("seconds", "measured")):
        seconds = [row[key] for row in rows]
        best = [seconds[0], *accumulate(seconds, min)][: len(seconds)]
        worst = max(now / before for now, before in zip(seconds, best, strict=True))
        lines.append(f"seconds {what}: at most {worst - 1:.1%} over the best at a smaller budget")
    ratios = [row["seconds"] / row["seconds_predicted"] for row in rows]
    lines.append(
        f"measured over predicted seconds: {min(ratios):.2f} to {max(ratios):.2f}, median {median(ratios):.2f}"
    )
    return lines


def shown(row: dict[str, Any]) -> list[str]:
    sizes = [megabytes(row[key]) for key in ("budget", "forecast", "ledger", "arrays", "traced")]
    return [*sizes, f"{row['seconds_predicted']:.3f}", f"{row['seconds']:.3f}", row["schedule"]]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=list(CASES), default="lstm")
    parser.add_argument("--steps", type=int, default=320, help="T")
    parser.add_argument("--batch", type=int, default=32, help="B")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--budgets", type=int, default=30, help="how many")
    parser.add_argument("--repeats", type=int, default=3, help="timed runs of each")
    parser.add_argument("--threads", type=int, default=1, help="of BLAS")
    parser.add_argument("--out", type=Path, default=Path("runs/budgets"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    case = CASES[options.model](options.steps, options.batch, options.units)
    with threadpool_limits(options.threads):
        costs = rb.calibrate(case.model, batch=options.batch, x_shape=case.shapes()["x_shape"])
        plans = [plan(case, n, costs) for n in spread(case, options.budgets, costs)]
        rows = measured(case, plans)
        for row, seconds in zip(rows, timed(case, plans, options.repeats), strict=True):
            row["seconds"] = seconds
    what = f"{options.model}, T = {options.steps}, B = {options.batch}, {options.units} units"
    print(
        f"{what}: MB of 10^6 bytes, medians of {options.repeats} runs, {options.threads} BLAS threads\n"
    )
    print(table(HEADS, [shown(row) for row in rows]), "", *judged(rows), sep="\n")
    save(options.out, options.model, rows, what=what, found=judged(rows))


if __name__ == "__main__":
    main()
