"""The bytes of one run under each schedule, by every tool: ledger, forecast, tracemalloc, resident memory.

Each schedule and each tool has a process of its own, so that none finds memory that another has left. The course
of memory over time is drawn from memory-profiler's samples; whatever comes and goes between two of them is missed.
For resident memory glibc is told to return freed arrays at once; it would keep them otherwise, and never fall.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cases import CASES, Case, traced
from processes import dispatch, fresh, megabytes, save, table

import rnnbp as rb

SCHEDULES = {
    "all cached": rb.schedules.All,
    "sqrt": rb.schedules.Sqrt,
    "revolve, 3 slots": lambda n: rb.schedules.Revolve(n, 3),
    "thin tapes": rb.schedules.ThinTapes,
}
BUDGET = "budget"
HEADS = [
    "schedule",
    "ledger",
    "forecast",
    "tracemalloc",
    "its arrays",
    "high water",
    "memory-profiler",
]
PLACE = ["ledger", "forecast", "traced", "arrays", "high_water", "sampled"]


def prepared(
    model: str, steps: int, batch: int, units: int, **how: Any
) -> tuple[Case, Any, int, int]:
    """The case, its schedule, the length of its chunks and the bytes predicted; the case has been run a little."""
    case = CASES[model](steps, batch, units)
    if how["schedule"] == BUDGET:
        costs = rb.Costs(**how["costs"])
        plan = rb.plan(case.model, case.loss, budget=how["budget"], costs=costs, **case.shapes())
        schedule, chunk, predicted = plan.chosen.schedule, plan.chunk, plan.forecast.peak_bytes
    else:
        chunk = min(how["chunk"], steps)
        schedule = SCHEDULES[how["schedule"]](math.ceil(steps / chunk))
        expected = rb.forecast(
            case.model, case.loss, checkpoint=schedule, chunk=chunk, **case.shapes()
        )
        predicted = expected.peak_bytes
    few = case.short(min(steps, 2 * chunk, 64))
    few.run("sqrt", min(chunk, 32))  # code, BLAS and its buffers are then there
    return case, schedule, chunk, predicted


def trace(**options: Any) -> dict[str, Any]:
    """The ledger, the forecast, and tracemalloc's peaks."""
    case, schedule, chunk, predicted = prepared(**options)
    return {"chunk": chunk, "forecast": predicted, **traced(case, schedule, chunk)}


def mark(**options: Any) -> dict[str, Any]:
    """The rise of the resident high-water mark."""
    case, schedule, chunk, _ = prepared(**options)
    with rb.memory.high_water() as found:
        case.run(schedule, chunk)
    return {"high_water": found.high_water_bytes}


def sample(interval: float, **options: Any) -> dict[str, Any]:
    """memory-profiler's samples: (seconds, bytes over those at the beginning)."""
    from memory_profiler import memory_usage

    case, schedule, chunk, _ = prepared(**options)
    span = []

    def run() -> None:
        span.append(time.time())
        case.run(schedule, chunk)
        span.append(time.time())

    found = memory_usage((run, ()), interval=interval, timestamps=True, max_iterations=1)
    inside = [(at - span[0], mib * 2**20) for mib, at in found if at <= span[1] + interval]
    first = next((nbytes for at, nbytes in reversed(inside) if at <= 0), inside[0][1])
    curve = [(round(at, 4), nbytes - first) for at, nbytes in inside if at >= -interval]
    return {"sampled": max(nbytes for _, nbytes in curve), "curve": curve}


def measured(options: argparse.Namespace, costs: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each schedule."""
    shared = {
        key: getattr(options, key)
        for key in ("model", "steps", "batch", "units", "chunk", "budget", "threads")
    }
    rows = []
    for name in options.schedules:
        given = {**shared, "schedule": name, "costs": costs}
        row = fresh("trace", **given) | fresh("mark", gives_back=True, **given)
        row |= fresh("sample", gives_back=True, interval=options.interval, **given)
        label = f"{name} {options.budget}" if name == BUDGET else name
        rows.append({"schedule": f"{label}, chunks of {row['chunk']}", **row})
        print(f"measured {rows[-1]['schedule']}", file=sys.stderr, flush=True)
    return rows


def draw(rows: list[dict[str, Any]], path: Path, title: str, note: str) -> None:
    """A curve for each schedule, in colours that the colour-blind can tell apart (Okabe & Ito 2008)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 4.8), layout="constrained")
    styles = zip(
        ("#000000", "#E69F00", "#0072B2", "#009E73", "#D55E00"),
        ("-", "--", "-", "-.", ":"),
        strict=True,
    )
    for row, (colour, style) in zip(rows, styles, strict=False):
        seconds, nbytes = zip(*row["curve"], strict=True)
        label = f"{row['schedule']} (ledger {row['ledger'] / 1e6:.3g} MB)"
        axes.plot(
            seconds, [n / 1e6 for n in nbytes], style, color=colour, label=label, linewidth=1.6
        )
    axes.set_xlabel("time since the run began (s)")
    axes.set_ylabel("growth of resident memory (MB)")
    axes.set_title(title, fontsize=11)
    axes.grid(alpha=0.3)
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=9)
    figure.text(0.5, -0.01, note, ha="center", va="top", fontsize=8)
    figure.savefig(path, dpi=150, bbox_inches="tight")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=list(CASES), default="lstm")
    parser.add_argument("--steps", type=int, default=1000, help="T")
    parser.add_argument("--batch", type=int, default=32, help="B")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument(
        "--chunk", type=int, default=20, help="steps in a chunk; a plan chooses its own"
    )
    every = [*SCHEDULES, BUDGET]
    parser.add_argument(
        "--schedules",
        nargs="+",
        choices=every,
        default=every,
        metavar="NAME",
        help="of: %(choices)s",
    )
    parser.add_argument("--budget", default="15 MB")
    parser.add_argument("--interval", type=float, default=0.005, help="seconds between samples")
    parser.add_argument("--threads", type=int, default=1, help="of BLAS")
    parser.add_argument("--out", type=Path, default=Path("runs/peak_memory"))
    return parser.parse_args()


def calibrated(model: str, batch: int, units: int) -> dict[str, Any]:
    """What actions cost here: measured once, so that all processes run the same plan."""
    case = CASES[model](1, batch, units)
    return vars(rb.calibrate(case.model, batch=batch, x_shape=case.x.shape[2:]))


def main() -> None:
    options = parsed()
    if not find_spec("memory_profiler"):
        raise SystemExit(
            "peak_memory.py needs memory-profiler; install it with: pip install 'rnnbp[profiling]'"
        )
    costs = fresh(
        "calibrated",
        threads=options.threads,
        model=options.model,
        batch=options.batch,
        units=options.units,
    )
    rows = measured(options, costs)
    what = f"{options.model}, T = {options.steps}, B = {options.batch}, {options.units} units"
    print(f"{what}: MB of 10^6 bytes\n")
    print(
        table(HEADS, [[row["schedule"], *(megabytes(row[key]) for key in PLACE)] for row in rows])
    )
    note = f"memory-profiler, every {1000 * options.interval:g} ms: what comes and goes between two samples is missed"
    print(f"\n{note}.")
    short = [{key: row[key] for key in row if key != "curve"} for row in rows]
    curves = {row["schedule"]: row["curve"] for row in rows}
    save(options.out, "peak_memory", short, what=what, interval=options.interval, curves=curves)
    if find_spec("matplotlib"):
        draw(rows, options.out / "peak_memory.png", what, note)
    else:
        print("No picture was drawn: that needs matplotlib, pip install 'rnnbp[profiling]'.")
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    dispatch(main, {"trace": trace, "mark": mark, "sample": sample, "calibrated": calibrated})
