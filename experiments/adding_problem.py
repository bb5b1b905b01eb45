"""The adding problem (Hochreiter & Schmidhuber 1997, section 5.4): a dependency as long as the sequence.

Each step shows a number in [0, 1) and a mark. Two of the T steps are marked, one in each half, and after the
last step the network must tell the sum of their numbers. Always to answer 1 has a mean squared error of 0.1667.
"""

import argparse

import numpy as np

import rnnbp as rb

BASELINE = 1 / 6


class Adding:
    """Fresh sequences in every batch, as a function of (seed, epoch, index): so a run can be repeated or resumed."""

    batches_per_epoch = 100

    def __init__(self, steps: int, batch: int, seed: int) -> None:
        self.steps, self.batch_size, self.seed = steps, batch, seed

    def batch(self, epoch: int, index: int) -> rb.train.Batch:
        """x (T, B, 2), target (T, B, 1), and the mask (T, B) of the last step, the only one that counts."""
        rng, t, b = np.random.default_rng((self.seed, epoch, index)), self.steps, self.batch_size
        x = np.zeros((t, b, 2), np.float32)
        x[:, :, 0] = rng.random((t, b), np.float32)
        for start, stop in ((0, t // 2), (t // 2, t)):
            x[rng.integers(start, stop, b), np.arange(b), 1] = 1
        target, mask = np.zeros((t, b, 1), np.float32), np.zeros((t, b), np.bool_)
        target[-1, :, 0] = (x[:, :, 0] * x[:, :, 1]).sum(axis=0)
        mask[-1] = True
        return rb.train.Batch(x, target, mask, fresh=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--length", type=int, default=100, help="T, the steps of a sequence")
    parser.add_argument("--units", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=20, help="of 100 batches each")
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument(
        "--forget-bias", type=float, default=3.0, help="of the LSTM at first: higher forgets slower"
    )
    parser.add_argument("--checkpoint", choices=["all", "sqrt"], default="all")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    model = rb.Sequential(
        rb.LSTM(2, options.units, forget_bias=options.forget_bias, rng=rng),
        rb.Dense(options.units, 1, rng=rng),
    )
    held_out = Adding(options.length, 1000, options.seed + 1).batch(0, 0)

    def show(event: rb.train.Event) -> None:
        if event.kind == "epoch":
            x, target, mask = held_out.x, held_out.target, held_out.mask
            error, _ = rb.evaluate(model, x, target, rb.losses.MeanSquaredError(), mask=mask)
            print(
                f"after {event.metrics['step']:5} batches: mean squared error {error:.4f}",
                flush=True,
            )

    print(
        f"T = {options.length}, forget-gate bias {options.forget_bias:g}; answering 1 has {BASELINE:.4f}"
    )
    history = rb.fit(
        model,
        Adding(options.length, options.batch, options.seed),
        rb.losses.MeanSquaredError(),
        learning_rate=options.lr,
        epochs=options.epochs,
        clip_norm=1.0,
        checkpoint=options.checkpoint,
        callbacks=[show],
        progress=False,
    )
    print(f"{history.steps} batches in {history.seconds:.0f} s")


if __name__ == "__main__":
    main()
