"""Contenders in processes of their own, in alternation; their results compared before their times are."""

from __future__ import annotations

import importlib
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from peers_problem import CELLS, posed
from peers_report import BOUND, BOUNDS, PEAK, SIZES, ratios, row_of
from processes import fresh

MODULES = {
    "rnnbp": "peers_rnnbp",
    "torch": "peers_torch",
    "jax": "peers_jax",
    "jax8": "peers_jax",
    "jaxsplit": "peers_jax",
    "naive": "naive_lstm",
    BOUND: "peers_bound",
    PEAK: "peers_peak",
}
HOW: dict[str, dict[str, Any]] = {"jax8": {"unroll": 8}, "jaxsplit": {"split": True}}
"""Options of a contender's module."""
AGREE = {"float32": 1e-4, "float64": 1e-12}
"""Largest difference of y or a gradient, relative to its largest value; float32 over a thousand steps."""
CHECKED = (9, 3, 5, 7)
"""The shape that ``check`` runs, in chunks of 4 steps."""


def timed(run: Callable[[], Any], seconds: float) -> float:
    """The median of a call, after two that warm up; three calls at least, and about this many seconds."""
    run()
    run()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return median(found)


def child(
    module: str,
    *,
    cell: str,
    shape: list[int],
    dtype: str,
    seconds: float | None,
    results: str | None,
    how: dict[str, Any],
) -> float | None:
    """Seconds of a run, None to time nothing; its results go to a file, if there is one."""
    run, read = importlib.import_module(module).prepared(posed(cell, shape, dtype), **how)
    if results:
        np.savez(results, **read(run()))
    return None if seconds is None else timed(run, seconds)


def torch_path(*, cell: str) -> str:
    """Which of PyTorch's ways runs a cell."""
    return str(importlib.import_module(MODULES["torch"]).path_of(cell))


def contenders(options: Namespace, cell: str) -> dict[str, dict[str, Any]]:
    """By name: which child, and its options. The first is what the results of the others are compared with."""
    found = {}
    for name in dict.fromkeys([*options.backends, *options.against]):
        if name not in MODULES:
            found[name] = {"child": "rnnbp", "how": {"backend": name, "chunk": options.chunk}}
        elif _is_there(name, cell):
            found[name] = {"child": name, "how": HOW.get(name, {})}
    return found


def _is_there(name: str, cell: str) -> bool:
    """Whether a contender has this cell."""
    if name in BOUNDS:
        return cell in CELLS
    return name != "naive" or cell == "lstm"


def disagreement(expected: Path, found: Path) -> float:
    """The largest difference of y or a gradient, relative to its largest value; NaN if there is one."""
    with np.load(expected) as a, np.load(found) as b:
        wanted, given = ({name: file[name].shape for name in sorted(file.files)} for file in (a, b))
        if wanted != given:
            raise SystemExit(f"{found.stem} gives {given}, not {wanted}; no comparison")
        least = np.finfo(np.float32).tiny  # after one step, the gradient of recurrent weights is 0
        return float(
            np.max(
                [
                    np.abs(a[name] - b[name]).max() / max(np.abs(a[name]).max(), least)
                    for name in wanted
                ]
            )
        )


def compared(folder: str, cell: str, names: Sequence[str], dtype: str) -> dict[str, float]:
    """How far the results of the contenders are from the first's."""
    files = [Path(folder, f"{name}.npz") for name in names if name not in BOUNDS]
    apart = {file.stem: disagreement(files[0], file) for file in files[1:]}
    for name, found in apart.items():
        if not found <= AGREE[dtype]:
            raise SystemExit(
                f"{cell}: results of {name} differ from {names[0]}'s by {found:.1e}; no comparison"
            )
    return apart


def measured(options: Namespace, cell: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """The row of a cell and a shape. Each round begins with another contender."""
    runs, rounds, apart = contenders(options, cell), [], dict[str, float]()
    names = list(runs)
    given = {
        "cell": cell,
        "shape": shape,
        "dtype": "float32",
        "seconds": options.seconds,
        "threads": options.threads,
    }
    with tempfile.TemporaryDirectory() as folder:
        for k in range(options.rounds):
            turn = k % len(names)
            found = {}
            for name in names[turn:] + names[:turn]:
                results = None if k or name in BOUNDS else str(Path(folder, f"{name}.npz"))
                found[name] = fresh(**runs[name], **given, results=results)
            rounds.append(found)
            apart = apart if k else compared(folder, cell, names, "float32")
    every = dict.fromkeys([*options.backends, *options.against])
    row = {
        "cell": cell,
        **dict(zip(SIZES, shape, strict=True)),
        "apart": max(apart.values(), default=None),
    }
    return row | row_of(rounds, every, ratios(options.backends, options.against))


def checked(options: Namespace, cell: str) -> list[dict[str, Any]]:
    """In float64, how far y and the gradients of every contender are from those of rnnbp's first backend."""
    options = Namespace(**{**vars(options), "chunk": 4})
    runs = contenders(options, cell)
    given = {
        "cell": cell,
        "shape": CHECKED,
        "dtype": "float64",
        "seconds": None,
        "threads": options.threads,
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, run in runs.items():
            if name not in BOUNDS:
                fresh(**run, **given, results=str(Path(folder, f"{name}.npz")))
        apart = compared(folder, cell, list(runs), "float64")
    return [{"cell": cell, "contender": name, "apart": found} for name, found in apart.items()]
