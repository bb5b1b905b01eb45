"""Memory at one budget for sequences of 1,000 to 1,000,000 steps, and the steps that are run again.

Each length is in a process of its own: a character model over memory-mapped bytes, within the same budget. What
the process grew by is its resident high-water mark, with glibc told to give memory back; steps are compared with
the formula of the schedule that was planned.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

from processes import dispatch, fresh, megabytes, save, table

LENGTHS = (1_000, 10_000, 100_000, 1_000_000)


def run(steps: int, units: int, budget: str, traced: bool) -> dict[str, Any]:
    """One gradient over this number of steps."""
    import numpy as np

    import rnnbp as rb

    rng = np.random.default_rng(0)
    model = rb.Sequential(
        rb.Embedding(256, 16, rng=0), rb.LSTM(16, units, rng=1), rb.Dense(units, 256, rng=2)
    )
    loss = rb.losses.CrossEntropy()
    plan = rb.plan(model, loss, steps=steps, batch=1, budget=budget, dx=False)
    few = rng.integers(0, 256, (500, 1))
    rb.bptt(
        model, few, few, loss, checkpoint="sqrt", chunk=plan.chunk
    )  # what is imported and built once
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bytes"
        with path.open("wb") as file:
            for _ in range(-(-(steps + 1) // 1000)):
                file.write(rng.integers(0, 256, 1000, np.uint8).tobytes())
        mapped = np.memmap(path, np.uint8, "r")[: steps + 1, None]
        with rb.memory.measure() if traced else rb.memory.high_water() as used:
            stats = rb.bptt(model, mapped[:-1], mapped[1:], loss, checkpoint=plan).stats
        del mapped
    schedule: Any = plan.chosen.schedule
    return {
        "schedule": f"{plan.chosen.name}, chunks of {plan.chunk}",
        "ledger": stats.peak_bytes,
        "forecast": plan.forecast.peak_bytes,
        "measured": used.peak_bytes if traced else used.high_water_bytes,
        "rerun": stats.steps_rerun,
        "formula": (schedule.steps - stats.chunks) * plan.chunk,
        "rebuilt": stats.steps_rebuilt,
        "seconds": stats.seconds,
        "forecast seconds": plan.forecast.seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lengths", type=int, nargs="*", default=LENGTHS, help="numbers of steps")
    parser.add_argument("--units", type=int, default=64, help="units of the LSTM (default: 64)")
    parser.add_argument("--budget", default="4 MB", help="bytes (default: 4 MB)")
    parser.add_argument(
        "--traced", action="store_true", help="tracemalloc instead of the high-water mark; slower"
    )
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads (default: 1)")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/lengths"), help="folder of the results"
    )
    options = parser.parse_args()
    rows = []
    for steps in options.lengths:
        given = {
            "steps": steps,
            "units": options.units,
            "budget": options.budget,
            "traced": options.traced,
        }
        rows.append(
            {"steps": steps} | fresh("run", threads=options.threads, gives_back=True, **given)
        )
    measured = "traced MB" if options.traced else "high water MB"
    heads = [
        "steps",
        "ledger MB",
        measured,
        "run again",
        "formula",
        "rebuilt",
        "seconds",
        "predicted",
        "schedule",
    ]
    print(table(heads, [shown(row) for row in rows]))
    save(options.out, "lengths", rows, budget=options.budget)


def shown(row: dict[str, Any]) -> list[str]:
    """A row of the table."""
    counts = [f"{row[name]:,}" for name in ("rerun", "formula", "rebuilt")]
    seconds = [f"{row[name]:.3g}" for name in ("seconds", "forecast seconds")]
    return [
        f"{row['steps']:,}",
        megabytes(row["ledger"]),
        megabytes(row["measured"]),
        *counts,
        *seconds,
        row["schedule"],
    ]


if __name__ == "__main__":
    dispatch(main, {"run": run})
