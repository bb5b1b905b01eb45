"""Feedforward networks on scikit-learn's digits, 8 × 8 images: y^(i+1) = σ(W y + b), dense and convolutional."""

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import rnnbp as rb


def dense(rng: np.random.Generator) -> rb.Sequential:
    """Images (1, 8, 8) as 64 pixels, through two hidden layers."""
    return rb.Sequential(
        rb.Flatten(3),
        rb.Dense(64, 128, weight_init="he", rng=rng),
        rb.ReLU(),
        rb.Dropout(0.2),
        rb.Dense(128, 64, weight_init="he", rng=rng),
        rb.ReLU(),
        rb.Dense(64, 10, rng=rng),
    )


def convolutional(rng: np.random.Generator) -> rb.Sequential:
    """Two convolutions of 3 × 3 pixels, each halving the image by its largest values."""
    return rb.Sequential(
        rb.Conv2D(1, 16, 3, padding=1, weight_init="he", rng=rng),
        rb.ReLU(),
        rb.MaxPool((2, 2)),
        rb.Conv2D(16, 32, 3, padding=1, weight_init="he", rng=rng),
        rb.ReLU(),
        rb.MaxPool((2, 2)),
        rb.Flatten(3),
        rb.Dropout(0.2),
        rb.Dense(2 * 2 * 32, 10, rng=rng),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    images, labels = load_digits(return_X_y=True)
    images = (images / 16).astype("float32").reshape(-1, 1, 8, 8)
    split = train_test_split(
        images, labels, test_size=0.25, random_state=options.seed, stratify=labels
    )
    x_train, x_test, y_train, y_test = split
    print(f"{len(x_train)} images to train on, {len(x_test)} to test")

    for build in (dense, convolutional):
        model = build(np.random.default_rng(options.seed))
        data = rb.Examples(x_train, y_train, batch_size=options.batch, seed=options.seed)
        steps = options.epochs * data.batches_per_epoch
        history = rb.fit(
            model,
            data,
            rb.losses.CrossEntropy(),
            "adam",
            epochs=options.epochs,
            learning_rate=rb.optim.Cosine(options.lr, steps),
            seed=options.seed,
        )
        logits, _ = rb.predict(model, x_test[None])  # One step of time.
        accuracy = (logits[0].argmax(axis=-1) == y_test).mean()
        print(
            f"{build.__name__:14} {accuracy:.1%} of the test images, after {history.seconds:.0f} s"
        )


if __name__ == "__main__":
    main()
