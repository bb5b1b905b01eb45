"""``predict`` of batches looks at no target: items may be x alone, targets of any shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MODEL = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))
X = np.random.default_rng(0).normal(size=(6, 5, 3)).astype("float32")
"""Batch-first: six sequences of five steps."""
PARTS = [X[:4], X[4:]]
LABELS = [np.arange(len(x)) % 2 for x in PARTS]
LENGTHS = [np.array([5, 2, 3, 5]), np.array([1, 4])]
WHOLE = rb.predict(MODEL, X.swapaxes(0, 1).copy())[0].swapaxes(0, 1)
LAST = WHOLE[np.arange(6), np.concatenate(LENGTHS) - 1]


def first(items: Any, **options: Any) -> rb.Batches:
    return rb.Batches(items, batch_first=True, **options)


def generated(items: list[Any]) -> Callable[[], Iterator[Any]]:
    return lambda: iter(items)


SOURCES: dict[str, Any] = {
    "x alone": first(PARTS),
    "x in a list, as a loader of x": first([[x] for x in PARTS]),
    "labels of sequences, without last": first(list(zip(PARTS, LABELS, strict=True))),
    "targets of other lengths": first([(x, np.zeros((9, 9))) for x in PARTS]),
    "targets that are no numbers": first([(x, ["a", "b"]) for x in PARTS]),
    "a function of the epoch": first(generated(PARTS)),
    "a generator": first(iter(PARTS)),
    "time-first": rb.Batches([x.swapaxes(0, 1) for x in PARTS]),
    "a list of pairs, time-first": [
        (x.swapaxes(0, 1), t) for x, t in zip(PARTS, LABELS, strict=True)
    ],
}


@pytest.mark.parametrize("case", SOURCES)
def test_targets_are_not_looked_at(case: str) -> None:
    np.testing.assert_allclose(rb.predict(MODEL, SOURCES[case]), WHOLE, atol=1e-6)


@pytest.mark.parametrize(
    "items",
    [
        [(x, None, n) for x, n in zip(PARTS, LENGTHS, strict=True)],
        [(x, np.zeros(99), n) for x, n in zip(PARTS, LENGTHS, strict=True)],
    ],
    ids=["no target", "another number of targets"],
)
def test_the_last_step_of_each_sequence(items: list[Any]) -> None:
    np.testing.assert_allclose(rb.predict(MODEL, first(items), last=True), LAST, atol=1e-6)
    np.testing.assert_allclose(rb.predict(MODEL, first(items, last=True)), LAST, atol=1e-6)


def test_a_trainer_predicts_x_alone() -> None:
    trainer = rb.Trainer(MODEL, rb.optim.SGD(MODEL), rb.losses.CrossEntropy())
    np.testing.assert_allclose(trainer.predict(first(PARTS)), WHOLE, atol=1e-6)
    np.testing.assert_allclose(trainer.predict(x.swapaxes(0, 1) for x in PARTS), WHOLE, atol=1e-6)


@pytest.mark.parametrize("call", [partial(rb.fit, epochs=1), rb.evaluate], ids=["fit", "evaluate"])
def test_x_alone_cannot_be_learned_from(call: Any) -> None:
    text = r"must be \(x, target\).*found an array.*x alone has nothing to be compared with"
    with pytest.raises(TypeError, match=text):
        call(MODEL, first(PARTS), rb.losses.CrossEntropy())
