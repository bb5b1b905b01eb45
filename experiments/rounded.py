"""Training that rounds: loss curves of five models with products of bfloat16, with tapes of 16 bits, and with both.

All runs of a model have the same initial weights and the same batches, of a text that they learn to continue byte by
byte. One more run, in float32 with the last bit of each initial weight changed, shows how far apart curves of exact
runs come by themselves. Writes rounded.csv and, with Matplotlib, rounded.png.
"""

import argparse
import csv
import math
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import rnnbp as rb

EXACT, NUDGED = "float32", "float32, last bit changed"
WAYS = {
    EXACT: {},
    "bfloat16": {"precision": "bfloat16"},
    "16-bit tapes": {"tape_bits": 16},
    "both": {"precision": "bfloat16", "tape_bits": 16},
    NUDGED: {},
}
"""Arguments of Trainer."""
WIDTH = 32
"""Numbers of a symbol's vector."""
MODELS: dict[str, Callable[[int, np.random.Generator], list]] = {
    "LSTM": lambda n, rng: [rb.LSTM(WIDTH, n, rng=rng)],
    "GRU": lambda n, rng: [rb.GRU(WIDTH, n, rng=rng)],
    "RNN": lambda n, rng: [rb.RNN(WIDTH, n, rng=rng)],
    "MinGRU": lambda n, rng: [rb.MinGRU(WIDTH, n, rng=rng)],
    "two LSTMs, Dense": lambda n, rng: [
        rb.LSTM(WIDTH, n, rng=rng),
        rb.LSTM(n, n, rng=rng),
        rb.Dense(n, n, rng=rng),
        rb.Tanh(),
    ],
}
"""The layers between the vectors of symbols and the logits, of n units."""


def build(name: str, units: int, seed: int, *, nudged: bool = False) -> rb.Sequential:
    """A model; ``nudged`` with every parameter moved to the next number of float32."""
    rng = np.random.default_rng(seed)
    vectors, layers = rb.Embedding(256, WIDTH, rng=rng), MODELS[name](units, rng)
    model = rb.Sequential(vectors, *layers, rb.Dense(units, 256, rng=rng))
    for p in model.params.values():
        p[...] = np.nextafter(p, np.float32(np.inf)) if nudged else p
    return model


def learn(name: str, way: str, symbols: np.ndarray, options: argparse.Namespace) -> np.ndarray:
    """(steps,) The loss of each batch before its update, in bits for each byte."""
    model = build(name, options.units, options.seed, nudged=way == NUDGED)
    data = rb.Windows.next_symbol(symbols, horizon=options.horizon, batch_size=options.batch)
    trainer = rb.Trainer(
        model,
        "adam",
        rb.losses.CrossEntropy(),
        learning_rate=options.lr,
        clip_norm=1.0,
        seed=options.seed,
        progress=False,
        **WAYS[way],
    )
    return np.array(trainer.fit(data, steps=options.steps).losses) / math.log(2)


def smoothed(losses: np.ndarray, width: int) -> np.ndarray:
    """Means over ``width`` steps in a row."""
    return np.convolve(losses, np.full(width, 1 / width), "valid")


def figures(curves: dict[str, np.ndarray]) -> dict[str, dict[str, float]]:
    """By way of a model, the end of its smoothed curve and the largest gap to float32's, in bits."""
    base = curves[EXACT]
    return {
        way: {"final": curve[-1], "gap": np.abs(curve - base).max()}
        for way, curve in curves.items()
    }


def draw(path: Path, every: dict[str, dict[str, np.ndarray]], width: int) -> None:
    """A row for each model: the curves, and how far each is from float32's."""
    from matplotlib.figure import Figure

    figure = Figure((11, 2.5 * len(every) + 0.6), layout="constrained")
    panels = figure.subplots(len(every), 2, sharex=True, squeeze=False)
    colours = dict(
        zip(WAYS, ("black", "tab:orange", "tab:blue", "tab:green", "silver"), strict=True)
    )
    order = [EXACT, NUDGED, *(way for way in WAYS if way not in (EXACT, NUDGED))]
    for (left, right), (name, curves) in zip(panels, every.items(), strict=True):
        for k, way in enumerate(order):
            steps = np.arange(len(curves[way])) + width
            style = {"color": colours[way], "linewidth": 3 if k == 0 else 1.2}
            left.plot(steps, curves[way], label=way, **style)
            if way != EXACT:
                right.plot(steps, 1000 * (curves[way] - curves[EXACT]), **style)
        right.axhline(0, color="black", linewidth=0.8)
        left.set(title=name, ylabel="loss, bits a byte")
        right.set(title=f"{name}: difference from float32", ylabel="difference, millibits")
    for panel in panels[-1]:
        panel.set_xlabel(f"update (means over {width})")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    figure.savefig(path, dpi=120)


def report(found: dict[str, dict[str, dict[str, float]]]) -> None:
    """A table: the loss at the end, and the largest gap of the curves."""
    print(f"\n{'loss at the end, gap':20}" + "".join(f"{way:>27}" for way in WAYS))
    for name, ways in found.items():
        cells = [f"{row['final']:.4f}, {row['gap']:.4f}" for row in ways.values()]
        print(f"{name:20}" + "".join(f"{cell:>27}" for cell in cells))


def write(path: Path, found: dict[str, dict[str, dict[str, float]]]) -> None:
    """The same as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["model", "way", "final_bits", "largest_gap_bits"])
        rows.writerows(
            [name, way, row["final"], row["gap"]]
            for name, ways in found.items()
            for way, row in ways.items()
        )


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--horizon", type=int, default=32, help="how far gradients flow")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--steps", type=int, default=1000, help="updates of each run")
    parser.add_argument("--smooth", type=int, default=50, help="updates in a mean")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, default=Path("runs/rounded"))
    return parser.parse_args()


def main() -> None:
    from pydoc_data.topics import topics

    options = parsed()
    text = "\n".join(topics[name] for name in sorted(topics)).encode()
    symbols, every = np.frombuffer(text, np.uint8), {}
    for name in options.models:
        runs = {way: learn(name, way, symbols, options) for way in WAYS}
        every[name] = {way: smoothed(run, options.smooth) for way, run in runs.items()}
        print(f"{name}: {len(WAYS)} runs of {options.steps} updates", flush=True)
    found = {name: figures(curves) for name, curves in every.items()}
    report(found)
    options.folder.mkdir(parents=True, exist_ok=True)
    write(options.folder / "rounded.csv", found)
    if find_spec("matplotlib"):
        draw(path := options.folder / "rounded.png", every, options.smooth)
        print(f"\n{path}")


if __name__ == "__main__":
    main()
