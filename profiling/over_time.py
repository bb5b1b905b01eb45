"""How fast networks over time are: rows of many lengths, both directions, two threads, a tenth of the bytes.

Each contender runs in a process of its own, in alternation, and figures are medians of ratios within rounds. Forward
and backward, float32, mean squared error, gradients by all weights and by x, which are compared with PyTorch's in the
first round. The parts, with what is aimed at:

    ragged    lengths uniform in T / 10..T: seconds over those of the padded batch, by their share of steps (at most
              1.10); of a tenth of the steps, PyTorch's packed LSTM over it (at least 4)
    both      PyTorch's bidirectional LSTM over rnnbp's (geometric mean at least 1.5, each at least 1.1)
    threads   bidirectional, one row: one thread over two (at least 1.7)
    budget    two bidirectional layers, a tenth of full caching's bytes: seconds over those with all (at most 1.5)
"""

from __future__ import annotations

import argparse
import tempfile
from math import prod
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from over_time_problem import Problem, Results, rnnbp_run, torch_run
from peers_race import timed
from processes import dispatch, fresh, save

PARTS = ("ragged", "both", "threads", "budget")
RAGGED = (1000, 32, 64, 256)
PACKED = (100, *RAGGED[1:])
"""For PyTorch's packed LSTM, whose backward pass takes T² (a minute a call for RAGGED): each step's part of the packed
gates has a gradient of the size of the whole."""
BOTH = ((1000, 1, 64, 64), (1000, 8, 128, 128), (100, 32, 256, 256), (100, 64, 256, 512))
ALONE = ((1000, 1, 64, 64), (1000, 1, 256, 256))
STACK = (1000, 32, 64, 256)
AGREE = 1e-4
"""Largest difference from PyTorch's results, relative to an array's largest value; float32 over a thousand steps."""


def run(
    problem: dict[str, Any],
    torch: bool,
    options: dict[str, Any],
    seconds: float,
    results: str | None,
) -> float:
    """The median seconds of a run; its results go to a file, if there is one."""
    posed = Problem(**problem | {"shape": tuple(problem["shape"])})
    call, read = torch_run(posed) if torch else rnnbp_run(posed, options)
    if results:
        np.savez(results, **read(call()))
    return timed(call, seconds)


def most(problem: dict[str, Any], options: dict[str, Any]) -> int:
    """The bytes of full caching."""
    posed = Problem(**problem | {"shape": tuple(problem["shape"])})
    found: int = rnnbp_run(posed, options)[0]().stats.peak_bytes
    return found


def disagreement(expected: Path, found: Path) -> float:
    """The largest difference of a loss or gradient, relative to its largest value."""
    with np.load(expected) as a, np.load(found) as b:
        one, other = (Results({name: file[name] for name in sorted(file.files)}) for file in (a, b))
    apart = [np.abs(one[k] - other[k]).max() / np.abs(other[k]).max() for k in other]
    return float(max(apart))


def raced(
    options: argparse.Namespace, contenders: dict[str, dict[str, Any]], against: str = ""
) -> list[dict[str, float]]:
    """The seconds of each contender in each round; every round begins with another.

    Args:
        against: a contender whose results are compared with those of ``torch``.
    """
    names, rounds = list(contenders), list[dict[str, float]]()
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{name}.npz") for name in (against, "torch") if against}
        for k in range(options.rounds):
            turn, found = k % len(names), dict[str, float]()
            for name in names[turn:] + names[:turn]:
                given = {"threads": options.threads, "torch": False, "options": {}}
                given |= {"seconds": options.seconds} | contenders[name]
                results = str(files[name]) if not k and name in files else None
                found[name] = fresh("run", results=results, **given)
            rounds.append(found)
            if not k and against and (apart := disagreement(*files.values())) > AGREE:
                raise SystemExit(f"{against} and torch differ by {apart:.1e}; no comparison")
    return rounds


def row(part: str, shape: tuple[int, ...], rounds: list[dict[str, float]], **ratios: Any) -> Any:
    """The figures of a race; ``ratios``: (dividend, divisor, factor) by what it is."""
    seconds = {name: median(found[name] for found in rounds) for name in rounds[0]}
    found: dict[str, Any] = {"part": part, "shape": " ".join(map(str, shape))}
    for name, (one, other, factor) in ratios.items():
        each = [of[one] / of[other] * factor for of in rounds]
        found[name] = median(each)
        found[f"{name}, least and most"] = f"{min(each):.3f} {max(each):.3f}"
    return found | {"seconds": seconds}


def ragged(options: argparse.Namespace, given: dict[str, Any]) -> list[dict[str, Any]]:
    problem, rows = Problem(RAGGED, ragged=True), []
    padded, packed = vars(Problem(RAGGED)), vars(problem)
    for dx in (True, False):
        contenders = {
            "padded": {"problem": padded, "options": given | {"dx": dx}},
            "ragged": {"problem": packed, "options": given | {"dx": dx}},
        }
        ratios = {"over its share": ("ragged", "padded", 1 / problem.share)}
        found = raced(options, contenders)
        rows.append(row("ragged" if dx else "ragged, dx=False", RAGGED, found, **ratios))
    if options.torch:
        short = vars(Problem(PACKED, ragged=True))
        contenders = {
            "ragged": {"problem": short, "options": given},
            "torch": {"problem": short, "torch": True},
        }
        found = raced(options, contenders, "ragged")
        rows.append(row("packed", PACKED, found, **{"torch over it": ("torch", "ragged", 1.0)}))
    return rows


def both(options: argparse.Namespace, given: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for shape in BOTH if options.torch else ():
        problem = vars(Problem(shape, both=True))
        contenders = {
            "rnnbp": {"problem": problem, "options": given},
            "torch": {"problem": problem, "torch": True},
        }
        found = raced(options, contenders, "rnnbp")
        rows.append(row("both", shape, found, **{"torch over it": ("torch", "rnnbp", 1.0)}))
        print(rows[-1], flush=True)
    if rows:
        mean = prod(each["torch over it"] for each in rows) ** (1 / len(rows))
        print(f"both: geometric mean {mean:.3f}", flush=True)
    return rows


def threads(options: argparse.Namespace, given: dict[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for shape in ALONE:
        problem = vars(Problem(shape, both=True))
        contenders = {
            name: {"problem": problem, "options": given, "threads": n}
            for n, name in ((1, "one"), (2, "two"))
        }
        found = raced(options, contenders)
        rows.append(row("threads", shape, found, **{"one over two": ("one", "two", 1.0)}))
    return rows


def budget(options: argparse.Namespace, given: dict[str, Any]) -> list[dict[str, Any]]:
    problem = vars(Problem(STACK, layers=2, both=True))
    bytes_ = fresh("most", threads=options.threads, problem=problem, options=given)
    contenders = {
        "cached": {"problem": problem, "options": given},
        "tenth": {"problem": problem, "options": {"checkpoint": bytes_ // 10}},
    }
    found = raced(options, contenders)
    ratios = {"a tenth over all": ("tenth", "cached", 1.0)}
    return [row("budget", STACK, found, **ratios) | {"bytes": bytes_}]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=1.5, help="of calls in each process, three at least")
    add("--threads", type=int, default=2, help="of BLAS and PyTorch")
    add("--chunk", type=int, help="steps in a chunk of rnnbp's, 0 for all; its default without")
    add("--no-torch", dest="torch", action="store_false", help="leave PyTorch out")
    add("--out", type=Path, default=Path("runs/over_time"))
    return parser.parse_args()


def main() -> None:
    options, rows = parsed(), list[dict[str, Any]]()
    measured = {"ragged": ragged, "both": both, "threads": threads, "budget": budget}
    for part in options.parts:
        chunk = {} if options.chunk is None else {"chunk": options.chunk or 10**9}
        for found in measured[part](options, chunk):
            rows.append(found)
            print(found, flush=True)
            flat = [{"seconds": each.pop("seconds", {}), **each} for each in map(dict, rows)]
            keys = dict.fromkeys(key for each in flat for key in each)
            filled = [{key: each.get(key, "") for key in keys} for each in flat]
            save(options.out, "over_time", filled, threads=options.threads, chunk=options.chunk)


if __name__ == "__main__":
    dispatch(main, {"run": run, "most": most})
