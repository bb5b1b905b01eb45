"""What the compiler's rules are worth: an LSTM without each of them, and written gate by gate.

Each variant runs in a process of its own, in alternation; figures are medians of ratios within rounds.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from cases import real
from peers_race import timed
from processes import dispatch, fresh, save, table

import rnnbp as rb
from rnnbp.compiler.passes import RULES

WHOLE, GATES = "all rules", "gate by gate"


def gate_by_gate(inputs: int, units: int) -> rb.Recurrent:
    """An LSTM with a Dense for each gate and input, eight in all."""
    x, h, c = rb.Input(inputs), rb.State(units, "h"), rb.State(units, "c")
    i, f, g, o = (
        rb.Dense(inputs, units, rng=k)(x) + rb.Dense(units, units, rng=4 + k)(h) for k in range(4)
    )
    c_new = rb.Sigmoid()(f) * c + rb.Sigmoid()(i) * rb.Tanh()(g)
    h_new = rb.Sigmoid()(o) * rb.Tanh()(c_new)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


def seconds(variant: str, backend: str, shape: list[int], least: float) -> float:
    """Of ``bptt`` with everything cached, in one chunk."""
    steps, batch, inputs, units = shape
    model = gate_by_gate(inputs, units) if variant == GATES else rb.LSTM(inputs, units, rng=0)
    x, dy = real(steps, batch, inputs), real(steps, batch, units)
    chosen = rb.Backend(backend, without=(variant,) if variant in RULES else ())

    def loss(y: np.ndarray, dy: np.ndarray) -> tuple[float, np.ndarray]:
        return 0.0, dy

    return timed(lambda: rb.bptt(model, x, dy, loss, chunk=steps, backend=chosen), least)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--seconds",
        type=float,
        default=0.5,
        help="of timed calls in a process, three calls at least",
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--backends", nargs="+", default=["numpy"])
    parser.add_argument(
        "--variants",
        nargs="+",
        default=[GATES, *RULES],
        metavar="NAME",
        help=f"{GATES}, {', '.join(RULES)}",
    )
    parser.add_argument(
        "--shape",
        type=int,
        nargs=4,
        default=[100, 32, 128, 128],
        metavar=("T", "B", "inputs", "units"),
    )
    parser.add_argument("--out", type=Path, default=Path("runs/rules"))
    return parser.parse_args()


def main() -> None:
    options = parsed()
    how = {"shape": options.shape, "least": options.seconds, "threads": options.threads}
    rows: list[dict[str, Any]] = []
    for backend in options.backends:
        rounds = []
        for _ in range(options.rounds):
            names = [WHOLE, *options.variants]
            rounds.append(
                {name: fresh("seconds", variant=name, backend=backend, **how) for name in names}
            )
        for name in options.variants:
            ratio = median(found[name] / found[WHOLE] for found in rounds)
            label = name if name == GATES else f"without {name}"
            rows.append({"backend": backend, "variant": label, "ratio": ratio})
            print(f"{backend}, {label}: {ratio:.3f} of the time with all rules", flush=True)
    print(
        table(
            ["variant", "backend", "time"],
            [[r["variant"], r["backend"], f"{r['ratio']:.3f}"] for r in rows],
        )
    )
    save(
        options.out,
        "rules",
        rows,
        shape=options.shape,
        rounds=options.rounds,
        threads=options.threads,
    )


if __name__ == "__main__":
    dispatch(main, {"seconds": seconds})
