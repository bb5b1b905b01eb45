"""What a first script says of labels, weights of classes and metrics.

Taken as elsewhere, or the error has the cure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

N, T, F, K = 6, 10, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, T, F)).astype(np.float32)
LABELS, STEPS = np.array([0, 1, 2, 3, 1, 1]), RNG.integers(0, K, (N, T))
CE = rb.losses.CrossEntropy()
Y = RNG.normal(size=(T, N, K)).astype(np.float32)


def net() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(F, 6, rng=0), rb.Dense(6, K, rng=1))


def one() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(F, 6, rng=0), rb.Dense(6, 1, rng=1))


def sequences(target: Any, **given: Any) -> rb.Sequences:
    return rb.Sequences(X.copy(), target, **({"batch_size": 4} | given))


def fitted(source: rb.Sequences | rb.Examples, **options: Any) -> Any:
    return rb.fit(net(), source, CE, epochs=1, **options)


@pytest.mark.parametrize(
    "given",
    [{0: 1.0, 1: 2.0, 2: 0.5, 3: 0}, {3: 0, 1: 2, 0: 1, 2: 0.5}, {np.int64(k): v for k, v in enumerate([1, 2, 0.5, 0])}],
    ids=["Keras's", "in another order", "NumPy's"],
)  # fmt: skip
def test_weights_of_classes_by_class(given: Any) -> None:
    by_class, vector = (
        rb.losses.CrossEntropy(class_weight=given),
        rb.losses.CrossEntropy([1.0, 2.0, 0.5, 0.0]),
    )
    found, expected = by_class(Y, STEPS.T), vector(Y, STEPS.T)
    assert found[0] == expected[0]
    np.testing.assert_array_equal(found[1], expected[1])


def test_the_line_for_balanced_classes_is_right() -> None:
    with pytest.raises(
        ValueError, match="'balanced'; for labels y of K classes: class_weight="
    ) as error:
        rb.losses.CrossEntropy(class_weight="balanced")
    weights = eval(
        str(error.value).rpartition("class_weight=")[2], {"np": np, "y": LABELS, "K": K, "len": len}
    )
    np.testing.assert_allclose(weights * np.bincount(LABELS), N / K)
    assert rb.losses.CrossEntropy(class_weight=weights).class_weight is not None


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a class is missing": (
        lambda: rb.losses.CrossEntropy(class_weight={0: 1.0, 2: 2.0}),
        ValueError,
        r"the classes 0 to K - 1, all of them, found \[0, 2\]",
    ),
    "names of classes": (lambda: rb.losses.CrossEntropy(class_weight={"a": 1.0}), ValueError, r"classes 0 to K - 1"),
    "true and false": (lambda: rb.losses.CrossEntropy({False: 1.0, True: 2.0}), ValueError, "classes 0 to K - 1"),
    "below 0": (lambda: rb.losses.CrossEntropy({0: 1.0, 1: -2.0}), ValueError, "finite numbers at least 0"),
    "ignore_index": (
        lambda: rb.losses.CrossEntropy(ignore_index=-100),  # type: ignore[call-arg]
        TypeError,
        "'ignore_index'; padding .*lengths= says where rows end.*mask=target != ignored",
    ),
    "reduction": (lambda: rb.losses.MeanSquaredError(reduction="mean"), TypeError, "it is the mean"),
    "from_logits": (lambda: rb.losses.CrossEntropy(from_logits=True), TypeError, "outputs are logits"),  # type: ignore[call-arg]
    "pos_weight": (lambda: rb.losses.BinaryCrossEntropy(pos_weight=2), TypeError, "weights are the source's"),
    "words": (lambda: sequences(["a", "b"] * 3, last=True), rb.DtypeError, "Sequences: target holds texts.*np.unique"),
    "words of steps": (lambda: sequences(STEPS.astype(str)), rb.DtypeError, r"np.unique\(labels, return_inverse=True\)"),
    "words as objects": (lambda: sequences(np.array(["a"] * N, object), last=True), rb.DtypeError, "np.unique"),
    "words of examples": (
        lambda: rb.Examples(X[:, 0], ["a"] * N, batch_size=2),
        rb.DtypeError,
        "Examples: target holds texts",
    ),
    "words of a stream": (
        lambda: rb.Windows(X[0], ["a"] * T, horizon=2, batch_size=1),
        rb.DtypeError,
        "Windows: target holds texts",
    ),
    "words in bptt": (
        lambda: CE(Y, STEPS.T.astype(str)),
        rb.DtypeError,
        r"number them, as by names, target = np.unique\(labels",
    ),
    "a column of labels": (
        lambda: fitted(sequences(LABELS[:, None], last=True)),
        rb.ShapeError,
        r"Sequences: target has shape \(6, 1\); CrossEntropy takes class numbers \(N,\) for outputs of 4 classes: give "
        r"target\[..., 0\]",
    ),
    "real numbers": (
        lambda: rb.fit(rb.LSTM(F, 1), sequences(X[..., :1]), CE, epochs=1),
        rb.ShapeError,
        r"target has shape \(6, 10, 1\).* of one output, for real numbers use MeanSquaredError, for two classes",
    ),
    "class numbers of a loss of real ones": (
        lambda: rb.fit(net(), sequences(STEPS), rb.losses.MeanSquaredError(), epochs=1),
        rb.ShapeError,
        r"for class numbers use CrossEntropy, for real ones end the model in one output",
    ),
    "one-hot": (
        lambda: fitted(sequences(np.eye(K)[LABELS], last=True)),
        rb.ShapeError,
        r"target has shape \(6, 4\).*: of one-hot rows give target.argmax\(axis=-1\)",
    ),
    "one-hot of steps": (lambda: fitted(sequences(np.eye(K)[STEPS])), rb.ShapeError, r"\(6, 10, 4\).*numbers \(N, T\)"),
    "time-first": (
        lambda: fitted(rb.Sequences(X.swapaxes(0, 1), STEPS.T[..., None], batch_size=2, batch_first=False)),
        rb.ShapeError,
        r"target has shape \(10, 6, 1\); .*numbers \(T, N\)",
    ),
    "in evaluate": (
        lambda: rb.evaluate(net(), sequences(LABELS[:, None], last=True), CE),
        rb.ShapeError,
        r"target has shape \(6, 1\)",
    ),
    "in validation": (
        lambda: fitted(sequences(LABELS, last=True), validation=sequences(LABELS[:, None], last=True)),
        rb.ShapeError,
        r"target has shape \(6, 1\)",
    ),
    "of examples": (
        lambda: rb.fit(rb.Dense(F, K), rb.Examples(X[:, 0], LABELS[:, None], batch_size=2), CE, epochs=1),
        rb.ShapeError,
        r"Examples: target has shape \(6, 1\)",
    ),
    "from one": (
        lambda: fitted(sequences(LABELS + 1, last=True, lengths=[3, 4, 5, 6, 7, 8], batch_size=N)),
        ValueError,
        "labels count from 0: give target - 1",
    ),
    "from one, as far as a batch shows": (
        lambda: fitted(sequences(LABELS + 1, last=True, batch_size=2, shuffle=False)),
        ValueError,
        "the outputs are of 4 classes, and 4 is that of class 5; if labels count from 1, give target - 1",
    ),
    "a label far above": (
        lambda: fitted(sequences(LABELS * 2, last=True, batch_size=N)),
        ValueError,
        r"not in \[0, 4\); the outputs are of 4 classes, and 6 is that of class 7",
    ),
    "two classes -1 and 1": (
        lambda: fitted(sequences(LABELS % 2 * 2 - 1, last=True, batch_size=N)),
        ValueError,
        r"number the classes from 0, as np.unique\(target, return_inverse=True\)\[1\]",
    ),
    "of examples, above": (
        lambda: rb.fit(rb.Dense(F, K), rb.Examples(X[:, 0], LABELS * 2, batch_size=N), CE, epochs=1),
        ValueError,
        "the outputs are of 4 classes",
    ),
    "numbers of sequences": (
        lambda: rb.fit(one(), sequences(LABELS * 0.5, last=True), rb.losses.MeanSquaredError(), epochs=1),
        rb.ShapeError,
        r"has shape \(6,\); MeanSquaredError\(\) takes \(N, 1\), as the outputs: give target\[..., None\]",
    ),
    "binary numbers of steps": (
        lambda: rb.fit(one(), sequences(STEPS % 2), rb.losses.BinaryCrossEntropy(), epochs=1),
        rb.ShapeError,
        r"has shape \(6, 10\); BinaryCrossEntropy\(\) takes \(N, T, 1\), as the outputs: give target\[..., None\]",
    ),
    "one output": (
        lambda: rb.fit(one(), sequences(LABELS % 2, last=True), CE, epochs=1),
        ValueError,
        "an output for each class; for a single one, of two classes, use BinaryCrossEntropy",
    ),
    "loss and optimizer": (
        lambda: rb.Trainer(net(), CE, "adam"),  # type: ignore[arg-type]
        TypeError,
        r"optimizer is CrossEntropy\(\), which is a loss; the order is Trainer\(model, optimizer, loss\)",
    ),
    "weights of examples": (
        lambda: rb.Examples(X[:, 0], LABELS, batch_size=2, sample_weight=np.ones(N)),  # type: ignore[call-arg]
        TypeError,
        r"Sequences\(x\[:, None\], target, last=True, mask=weights",
    ),
    "padding": (lambda: fitted(sequences(np.where(STEPS > 0, STEPS, -100))), ValueError, "leave padding out by lengths= or a mask\n"),
    "acc": (
        lambda: fitted(sequences(LABELS, last=True), metrics=["acc"]),
        ValueError,
        r"no metric is called 'acc' \(did you mean 'accuracy'\?\); they are 'accuracy', 'mse', 'mae', or a function",
    ),
    "f1": (
        lambda: fitted(sequences(LABELS, last=True), metrics=["f1"]),
        ValueError,
        r"no metric is called 'f1'; metrics are means over steps, .* they are 'accuracy', 'mse', 'mae', or a function \(y, target\) -> values",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_the_error_has_the_cure(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    ("target", "loss"),
    [
        (LABELS[:, None] % 2, rb.losses.BinaryCrossEntropy()),
        (LABELS[:, None] * 0.5, rb.losses.MeanSquaredError()),
    ],
    ids=["binary", "squares"],
)
def test_columns_stay_what_they_are_for_others(target: np.ndarray, loss: rb.losses.Loss) -> None:
    model = one()
    data = sequences(target, last=True, batch_size=N, shuffle=False)
    expected, _ = loss(rb.predict(model, data), target)
    assert rb.fit(model, data, loss, epochs=1).losses[0] == pytest.approx(expected, rel=1e-5)
