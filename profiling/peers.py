"""Forward and backward of recurrent cells next to PyTorch, JAX, a naive LSTM in NumPy, and the matrix products alone.

Everything is cached, in float32, by default arguments; the loss is a mean squared error, and gradients are by the
weights and by x. Each contender runs in a process of its own, in alternation, and figures are medians of ratios within
rounds. In the first round the results of each are compared with rnnbp's. ``--check`` does that in float64, at a small
shape, without times.
"""

from __future__ import annotations

import argparse
import os
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from peers_literature import GRID as LITERATURE_GRID
from peers_literature import LITERATURE
from peers_picture import draw
from peers_problem import ALL, CELLS, GRID
from peers_race import MODULES, checked, child, measured, torch_path
from peers_report import line, summary, summed_up, tables
from processes import dispatch, fresh, save

NEEDS = {"torch": "PyTorch", "jax": "JAX", "jax8": "JAX", "jaxsplit": "JAX"}


def shape(text: str) -> tuple[int, ...]:
    """T,B,inputs,units."""
    sizes = tuple(map(int, text.split(",")))
    if len(sizes) != 4 or min(sizes) < 1:
        raise ValueError(text)
    return sizes


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--cells",
        nargs="+",
        metavar="NAME",
        choices=ALL,
        default=list(CELLS),
        help="of: %(choices)s; those from peephole on have a grid of their own",
    )
    peers = ["torch", "jax", "jax8", "jaxsplit", "naive", "interpreter", "bound", "peak"]
    default = ["torch", "jax", "bound"]
    add(
        "--against",
        nargs="*",
        metavar="NAME",
        choices=peers,
        default=default,
        help="of: %(choices)s; jax8: a scan that is unrolled by 8; jaxsplit: with _split_transpose; naive: lstm only",
    )
    add(
        "--backends",
        nargs="+",
        metavar="NAME",
        default=["default"],
        help="of rnnbp, as bptt(backend=) takes them, or default",
    )
    rows = range(len(GRID))
    add(
        "--shapes",
        type=int,
        nargs="+",
        metavar="K",
        choices=rows,
        default=list(rows),
        help="rows of the grid, from 0",
    )
    add(
        "--grid",
        type=shape,
        nargs="+",
        metavar="T,B,INPUTS,UNITS",
        help="shapes in place of the grid's",
    )
    add("--rounds", type=int, default=3)
    add("--seconds", type=float, default=1.5, help="of calls in each process, three at least")
    add("--threads", type=int, default=2, help="of BLAS, PyTorch and JAX")
    add("--chunk", type=int, help="steps in a chunk of rnnbp's; 0 for all; bptt's own by default")
    add("--check", action="store_true", help="compare y and gradients in float64, and time nothing")
    add("--out", type=Path, default=Path("runs/peers"))
    options = parser.parse_args()
    if min(options.rounds, options.threads) < 1 or (options.chunk or 0) < 0:
        parser.error("--rounds and --threads are at least 1, --chunk at least 0")
    return options


def check(options: argparse.Namespace) -> None:
    rows: list[dict[str, Any]] = []
    for cell in options.cells:
        for row in checked(options, cell):
            rows.append(row)
            print(
                f"{cell}: {row['contender']} differs from {options.backends[0]} by {row['apart']:.1e}",
                flush=True,
            )
            save(options.out, "check", rows)


def measure(options: argparse.Namespace) -> None:
    """Every cell at every shape; the files are written anew after each, so that a run that is stopped leaves them."""
    keys = ("threads", "chunk", "rounds", "seconds", "backends", "against")
    packages = [
        "numpy",
        *(name for name in NEEDS if name in options.against and name in ("torch", "jax")),
    ]
    what = {key: getattr(options, key) for key in keys} | {
        "versions": {name: version(name) for name in packages}
    }
    rows: list[dict[str, Any]] = []
    if "torch" in options.against:
        what["torch_paths"] = {
            cell: fresh("path", threads=options.threads, cell=cell) for cell in options.cells
        }
        print("PyTorch by", ", ".join(f"{k}: {v}" for k, v in what["torch_paths"].items()))
    for cell in options.cells:
        grid = LITERATURE_GRID if cell in LITERATURE else [GRID[k] for k in options.shapes]
        for sizes in options.grid or grid:
            rows.append(measured(options, cell, sizes))
            print(line(rows[-1]), flush=True)
            save(options.out, "peers", rows, **what, summary=summed_up(rows))
    print(f"\n{tables(rows)}\n\n{summary(summed_up(rows))}\n")
    if find_spec("matplotlib"):
        versions = ", ".join(f"{name} {number}" for name, number in what["versions"].items())
        chunks = f"chunks of {options.chunk}" if options.chunk else "one chunk"
        chunks = "default arguments" if options.chunk is None else chunks
        title = f"forward and backward, float32, {options.threads} threads, {chunks}\n{versions}"
        draw(rows, options.backends, options.out / "peers.png", title)
    else:
        print("No picture was drawn: that needs matplotlib, pip install '.[peers]'.")
    print(f"Written to {options.out}.")


def main() -> None:
    options = parsed()
    for name, library in NEEDS.items():
        if name in options.against and not find_spec(name[:3] if name.startswith("jax") else name):
            raise SystemExit(
                f"peers.py compares with {library}; install it with: pip install '.[peers]'"
            )
    # JAX's pool has as many threads as NPROC says; its xla_cpu_multi_thread_eigen=false leaves them all at work.
    os.environ |= {"NPROC": str(options.threads), "JAX_PLATFORMS": "cpu"}
    (check if options.check else measure)(options)


if __name__ == "__main__":
    runs = {name: partial(child, module) for name, module in MODULES.items()}
    dispatch(main, {**runs, "path": torch_path})
