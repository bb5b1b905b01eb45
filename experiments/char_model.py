"""A character model of a text: each byte predicted from those before it. ``rnnbp train`` is this with every option."""

import argparse
import math
from pathlib import Path

import numpy as np

import rnnbp as rb


def write(model: rb.Sequential, prompt: bytes, length: int, rng: np.random.Generator) -> str:
    """The prompt and what the model draws after it, one byte at a time."""
    text, state, given = bytearray(prompt), None, np.frombuffer(prompt, np.uint8)
    for _ in range(length):
        logits, state = rb.predict(model, given[:, None], state=state)
        p = np.exp(logits[-1, 0] / 0.8, dtype=np.float64)
        given = rng.choice(256, 1, p=p / p.sum())
        text.append(int(given[0]))
    return text.decode(errors="replace")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "text", nargs="?", type=Path, help="a text file; by default Python's help topics"
    )
    parser.add_argument("--cell", choices=["RNN", "LSTM", "GRU"], default="LSTM")
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--horizon", type=int, default=32, help="how far gradients flow")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="where to keep snapshots, metrics and the model"
    )
    options = parser.parse_args()

    if options.text:
        text = options.text.read_bytes()
    else:
        from pydoc_data.topics import topics

        text = "\n".join(topics[name] for name in sorted(topics)).encode()
    symbols = np.frombuffer(text, np.uint8)
    train, held_out = np.split(symbols, [len(symbols) * 9 // 10])

    rng = np.random.default_rng(options.seed)
    model = rb.Sequential(
        rb.Embedding(256, 32, rng=rng),
        getattr(rb, options.cell)(32, options.units, rng=rng),
        rb.Dense(options.units, 256, rng=rng),
    )
    data = rb.Windows.next_symbol(train, horizon=options.horizon, batch_size=options.batch)
    steps = options.epochs * data.batches_per_epoch
    history = rb.fit(
        model,
        data,
        rb.losses.CrossEntropy(),
        "adam",
        epochs=options.epochs,
        learning_rate=rb.optim.Cosine(options.lr, steps),
        clip_norm=1.0,
        validation=rb.Windows.next_symbol(held_out, horizon=512, batch_size=16),
        seed=options.seed,
        folder=options.folder,
    )
    for step, loss in zip(history.validation_steps, history.validation_losses, strict=True):
        print(f"after {step:5} updates: {loss / math.log(2):.3f} bits for each byte held out")
    print(f"{history.steps} updates in {history.seconds:.0f} s\n")
    print(write(model, b"The ", 300, rng))


if __name__ == "__main__":
    main()
