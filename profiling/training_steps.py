"""Whole training steps of the default character model: loss, clipping and Adam included, next to PyTorch.

Both learn the same text from the same weights, and their losses are compared before their times are. Each runs in a
process of its own, in alternation; the figure is the median of the ratios of bytes of text per second. ``--bfloat16``
adds products of bfloat16, ours and those of PyTorch's autocast.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from processes import POOLS, dispatch, fresh, save, table

import rnnbp as rb

SYMBOLS, EMBEDDING, UNITS, HORIZON, BATCH = 256, 64, 192, 32, 32
"""The default character model, and what it is trained with: ``rnnbp train``."""
RATE, CLIP = 0.002, 1.0
AGREE = 20
"""Steps whose losses are compared; those after them are timed."""
APART = {False: 1e-3, True: 3e-2}
"""How far apart losses may be, by whether products are of bfloat16."""


def built() -> rb.Sequential:
    rng = np.random.default_rng(0)
    return rb.Sequential(
        rb.Embedding(SYMBOLS, EMBEDDING, rng=rng),
        rb.LSTM(EMBEDDING, UNITS, rng=rng),
        rb.Dense(UNITS, SYMBOLS, rng=rng),
    )


def windows() -> rb.Windows:
    from pydoc_data.topics import topics

    text = "\n".join(topics[name] for name in sorted(topics)).encode()
    return rb.Windows.next_symbol(np.frombuffer(text, np.uint8), horizon=HORIZON, batch_size=BATCH)


def batches(steps: int) -> Iterator[tuple[np.ndarray, np.ndarray, bool]]:
    """(x, target, whether the text begins anew), epoch after epoch; all windows are whole."""
    data = windows()
    whole = data.batches_per_epoch - 1
    for k in range(steps):
        batch = data.batch(k // whole, k % whole)
        yield batch.x, batch.target, k % whole == 0


def ours(*, steps: int, backend: str, precision: str = "float32") -> dict[str, Any]:
    os.environ |= {"RNNBP_BACKEND": backend, "RNNBP_PRECISION": precision}
    model, loss = built(), rb.losses.CrossEntropy()
    optimizer, state, losses, began = rb.optim.Adam(model, RATE), None, [], 0.0
    for k, (x, target, anew) in enumerate(batches(AGREE + steps)):
        began = time.perf_counter() if k == AGREE else began
        result = rb.bptt(model, x, target, loss, state=None if anew else state, chunk=HORIZON)
        rb.optim.clip_norm(result.grads, CLIP)
        optimizer.step(result.grads)
        state = result.state
        losses.append(float(result.loss))
    return {"seconds": time.perf_counter() - began, "losses": losses[:AGREE]}


def fitted(*, steps: int, backend: str, precision: str = "float32") -> dict[str, Any]:
    """By ``fit``, as a person would, with its checks, metrics and history."""
    os.environ |= {"RNNBP_BACKEND": backend, "RNNBP_PRECISION": precision}
    found: list[tuple[float, float]] = []

    def note(event: rb.train.Event) -> None:
        if event.kind == "step":
            found.append((time.perf_counter(), float(event.metrics["loss"])))

    total = AGREE + steps
    rb.fit(
        built(),
        windows(),
        rb.losses.CrossEntropy(),
        "adam",
        learning_rate=rb.optim.Constant(RATE),
        steps=total,
        clip_norm=CLIP,
        callbacks=[note], progress=False,
    )  # fmt: skip
    return {
        "seconds": found[-1][0] - found[AGREE - 1][0],
        "losses": [loss for _, loss in found[:AGREE]],
    }


def torchs(*, steps: int, autocast: bool = False) -> dict[str, Any]:
    import torch

    torch.set_num_threads(int(os.environ[POOLS[0]]))
    given = {name: torch.tensor(array) for name, array in built().params.items()}
    embedding, lstm = torch.nn.Embedding(SYMBOLS, EMBEDDING), torch.nn.LSTM(EMBEDDING, UNITS)
    dense = torch.nn.Linear(UNITS, SYMBOLS)
    parts = dict(zip(("0", "1", "2"), (embedding, lstm, dense), strict=True))
    for number, part in parts.items():
        own = {
            name.split(".", 1)[1]: array
            for name, array in given.items()
            if name.startswith(f"{number}.")
        }
        names = {name: f"{name}_l0" if part is lstm else name for name in own}
        part.load_state_dict({names[name]: array for name, array in own.items()})
    parameters = [p for part in parts.values() for p in part.parameters()]
    optimizer, state, losses, began = torch.optim.Adam(parameters, RATE, fused=True), None, [], 0.0
    for k, (x, target, anew) in enumerate(batches(AGREE + steps)):
        began = time.perf_counter() if k == AGREE else began
        optimizer.zero_grad()
        state = None if anew or state is None else tuple(part.detach() for part in state)
        wanted = torch.from_numpy(target.astype(np.int64)).reshape(-1)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            y, state = lstm(embedding(torch.from_numpy(x.astype(np.int64))), state)
            loss = torch.nn.functional.cross_entropy(dense(y).reshape(-1, SYMBOLS), wanted)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, CLIP)
        optimizer.step()
        losses.append(float(loss))
    return {"seconds": time.perf_counter() - began, "losses": losses[:AGREE]}


def compared(found: dict[str, dict[str, Any]]) -> dict[str, float]:
    """By contender, the largest difference of a loss from PyTorch's in float32."""
    first = np.array(found["PyTorch"]["losses"])
    apart = {k: float(np.abs(np.array(one["losses"]) - first).max()) for k, one in found.items()}
    for name, most in apart.items():
        if not most < APART["bfloat16" in name]:
            raise SystemExit(
                f"{name}: the losses of the first {AGREE} steps differ by {most:.1e}; no comparison"
            )
    return apart


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--backends", nargs="+", default=["llvm"], metavar="NAME", help="of rnnbp")
    parser.add_argument(
        "--threads", type=int, nargs="+", default=[1, 2], help="of BLAS, kernels and PyTorch"
    )
    parser.add_argument("--bfloat16", action="store_true", help="products of bfloat16 too")
    parser.add_argument("--steps", type=int, default=200, help="that are timed")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/training_steps"))
    options = parser.parse_args()
    if min(options.steps, options.rounds, *options.threads) < 1:
        parser.error("--steps, --rounds and --threads are at least 1")
    if not find_spec("torch"):
        raise SystemExit(
            "training_steps.py compares with PyTorch; install it with: pip install '.[peers]'"
        )
    runs: dict[str, dict[str, Any]] = {"PyTorch": {"child": "torch"}}
    for backend in options.backends:
        runs |= {f"{how}, {backend}": {"child": how, "backend": backend} for how in ("bptt", "fit")}
    if options.bfloat16:
        runs["PyTorch, bfloat16"] = {"child": "torch", "autocast": True}
        given = {"backend": "llvm", "precision": "bfloat16"}
        runs |= {f"{how}, bfloat16": {"child": how, **given} for how in ("bptt", "fit")}
    rows: list[dict[str, Any]] = []
    for threads, k in itertools.product(options.threads, range(options.rounds)):
        turn = k % len(runs)
        names = [*runs][turn:] + [*runs][:turn]
        found = {name: fresh(**runs[name], threads=threads, steps=options.steps) for name in names}
        apart = compared(found)
        rates = {
            name: options.steps * HORIZON * BATCH / one["seconds"] for name, one in found.items()
        }
        rows += [
            {"threads": threads, "round": k, "contender": name, "bytes per second": rates[name], "apart": apart[name],
             "ratio": rates[name] / rates["PyTorch"]}
            for name in runs
        ]  # fmt: skip
        save(options.out, "training_steps", rows, torch=version("torch"))
    lines = [
        [str(threads), name, *(f"{median(row[key] for row in some):{form}}" for key, form in (
            ("bytes per second", ",.0f"), ("ratio", ".2f")))]
        for threads, name in itertools.product(options.threads, runs)
        if (some := [row for row in rows if row["threads"] == threads and row["contender"] == name])
    ]  # fmt: skip
    print(table(["threads", "contender", "bytes/s", "of PyTorch's"], lines))
    apart = {name: max(row["apart"] for row in rows if row["contender"] == name) for name in runs}
    print(f"Largest difference of a loss from PyTorch's in {AGREE} steps:")
    print("; ".join(f"{name} {most:.1e}" for name, most in apart.items() if most) + ".")
    print(f"Written to {options.out}.")


if __name__ == "__main__":
    dispatch(main, {"torch": torchs, "bptt": partial(ours), "fit": partial(fitted)})
