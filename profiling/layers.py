"""Layers outside cells, forward and backward, next to PyTorch: convolutions and pooling at four usual shapes each.

    python profiling/layers.py                        # two threads, then one
    python profiling/layers.py --layers MaxPool --threads 1 --rounds 9

rnnbp runs a model of one layer by ``bptt`` with default arguments, PyTorch the same layer, eager; float32, gradients by
x too. "alone": what ``bptt`` calls for the layer: a model of many layers checks x and begins a run once, not for each.
Each runs in a process of its own, in alternation; a figure is the median over rounds of the ratio of medians. "at best"
is that of the least times, which a busy machine disturbs less. In the first round the results are compared.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from layers_cases import CASES, STEPS
from processes import POOLS, dispatch, fresh, save, table

Results = dict[str, np.ndarray]
AGREE = 1e-4
"""Largest difference of y or a gradient, relative to its largest value."""


def posed(layer: str, shape: int, batch: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """(the layer, x, dy) of a case."""
    case, rng = CASES[layer][shape], np.random.default_rng(0)
    made = case.layer(layer)
    x = rng.normal(size=(STEPS, batch or case.batch, *case.shape)).astype("float32")
    (out,) = made.output_shapes(case.shape)
    return made, x, rng.normal(size=(*x.shape[:2], *out)).astype("float32")


def ours(*, layer: str, shape: int, batch: int, seconds: float, results: str | None) -> list[float]:
    """``bptt`` of a model of this layer alone; the deltas of y are given in place of a loss."""
    import rnnbp as rb

    made, x, dy = posed(layer, shape, batch)
    model = rb.Sequential(made)

    def given(y: np.ndarray, dy: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.0, dy

    def run() -> Any:
        return rb.bptt(model, x, dy, given)

    if results:
        found = rb.bptt(model, x, dy, given, return_y=True)
        grads = {key.split(".")[-1]: array for key, array in found.grads.items()}
        np.savez(results, y=found.y, x=found.dx, **grads)
    return timed(run, seconds)


def alone(
    *, layer: str, shape: int, batch: int, seconds: float, results: str | None
) -> list[float]:
    """What ``bptt`` calls for the layer, without what it does for a whole run, as to check x."""
    import rnnbp as rb
    from rnnbp.bptt.accumulators import Accumulators
    from rnnbp.runners.backend import Backend
    from rnnbp.runners.select import Runners
    from rnnbp.runners.workspace import Workspace

    made, x, dy = posed(layer, shape, batch)
    workspace = Workspace(threads=int(os.environ[POOLS[0]]))
    kernel = Runners(Backend("llvm"), workspace).layer(made, x.dtype, brief=True)
    assert kernel is not None
    dx, sums = np.empty_like(x), Accumulators(rb.Sequential(made))

    def run() -> np.ndarray:
        y, saved = kernel.forward(x)
        kernel.backward(saved, dy, sums, [dx])
        return y

    if results:
        y = run()
        grads = {key.split(".")[-1]: array for key, array in sums.grads.items()}
        np.savez(results, y=y, x=dx, **grads)
    return timed(run, seconds)


def torchs(
    *, layer: str, shape: int, batch: int, seconds: float, results: str | None
) -> list[float]:
    """The same layer of PyTorch."""
    import torch

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    made, x, dy = posed(layer, shape, batch)
    peer = CASES[layer][shape].peer(layer)
    for key, array in made.params.items():
        getattr(peer, key).data = torch.from_numpy(array)
    images = torch.from_numpy(x.reshape(-1, *x.shape[2:])).requires_grad_()
    deltas = torch.from_numpy(dy.reshape(-1, *dy.shape[2:]))

    def run() -> Any:
        peer.zero_grad()
        images.grad = None
        y = peer(images)
        y.backward(deltas)
        return y

    if results:
        y, grads = run().detach(), {key: p.grad.numpy() for key, p in peer.named_parameters()}
        np.savez(results, y=y.reshape(dy.shape), x=images.grad.reshape(x.shape), **grads)
    return timed(run, seconds)


def timed(run: Callable[[], Any], seconds: float) -> list[float]:
    """The median and the least of calls, after two that warm up; five at least."""
    run()
    run()
    found, end = list[float](), time.perf_counter() + seconds
    while len(found) < 5 or time.perf_counter() < end:
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return [median(found), min(found)]


def apart(one: Path, other: Path) -> float:
    """The largest difference of the results in two files."""
    with np.load(one) as a, np.load(other) as b:
        if sorted(a.files) != sorted(b.files):
            raise SystemExit(f"{a.files} against {b.files}; no comparison")
        found = max(float(np.abs(a[k] - b[k]).max() / np.abs(a[k]).max()) for k in a.files)
    if not found <= AGREE:
        raise SystemExit(f"the results differ by {found:.1e}; no comparison")
    return found


def compared(given: argparse.Namespace, layer: str, shape: int, threads: int) -> dict[str, Any]:
    """The row of a layer at a shape."""
    how = {"layer": layer, "shape": shape, "batch": given.batch, "seconds": given.seconds}
    rounds, names = [], list(CONTENDERS)
    with tempfile.TemporaryDirectory() as folder:
        files = {name: str(Path(folder, f"{name}.npz")) for name in names}
        for k in range(given.rounds):
            turn = k % len(names)
            found = {
                name: fresh(name, threads=threads, results=None if k else files[name], **how)
                for name in names[turn:] + names[:turn]
            }
            rounds.append(found)
        far = max(apart(Path(files["rnnbp"]), Path(files[name])) for name in names[1:])
    row = {"layer": layer, "shape": CASES[layer][shape].text, "threads": threads}
    row |= {f"{name} ms": 1e3 * median(found[name][0] for found in rounds) for name in names}
    for name, (k, head) in product(names[:2], enumerate(("of PyTorch's", "at best"))):
        ratio = median(found[name][k] / found["PyTorch"][k] for found in rounds)
        row[f"{name} {head}"] = ratio
    return {**row, "apart": far}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, shapes = parser.add_argument, range(4)
    add(
        "--layers",
        nargs="+",
        choices=CASES,
        default=list(CASES),
        metavar="NAME",
        help="of: %(choices)s",
    )
    add(
        "--shapes",
        type=int,
        nargs="+",
        choices=shapes,
        default=[*shapes],
        metavar="K",
        help="from 0",
    )
    add("--threads", type=int, nargs="+", default=[2, 1], help="of kernels, BLAS and PyTorch")
    add("--batch", type=int, default=0, help=f"images at each of the {STEPS} steps; 0: of the case")
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=0.7, help="of calls in each process, five at least")
    add("--out", type=Path, default=Path("runs/layers"))
    given = parser.parse_args()
    if min(given.rounds, *given.threads) < 1 or given.batch < 0:
        parser.error("--rounds and --threads are at least 1, --batch at least 0")
    if not find_spec("torch"):
        raise SystemExit("layers.py compares with PyTorch; install it with: pip install '.[peers]'")
    return given


def main() -> None:
    given, rows = parsed(), list[dict[str, Any]]()
    for threads, layer, shape in product(given.threads, given.layers, given.shapes):
        os.environ["RNNBP_NUM_THREADS"] = str(threads)
        rows.append(compared(given, layer, shape, threads))
        save(given.out, "layers", rows, rounds=given.rounds, seconds=given.seconds)
    heads = [head for head in rows[0] if head != "apart"]
    form = "{:.2f}".format
    cells = [
        [form(v) if isinstance(v, float) else str(v) for v in map(row.get, heads)] for row in rows
    ]
    print(table(heads, cells))
    print(f"Largest difference of a result: {max(row['apart'] for row in rows):.1e}.")
    print(f"Written to {given.out}.")


CONTENDERS = {"rnnbp": ours, "alone": alone, "PyTorch": torchs}

if __name__ == "__main__":
    dispatch(main, CONTENDERS)
