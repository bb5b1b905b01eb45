"""Names of metrics for a model of several outputs: each for the outputs that it suits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.metrics import as_metrics

CE, MSE, BCE = (
    rb.losses.CrossEntropy(),
    rb.losses.MeanSquaredError(),
    rb.losses.BinaryCrossEntropy(),
)
OWN = rb.losses.PerStep(lambda y, t: (y - t, np.ones_like(y)))
L2 = rb.losses.L2(0.1)

GOOD: dict[str, tuple[Any, Any, list[str]]] = {
    "a list": (["accuracy"], {"a": CE, "b": MSE}, ["a_accuracy"]),
    "a name": ("accuracy", {"a": CE, "b": BCE}, ["a_accuracy", "b_accuracy"]),
    "two": (["mse", "accuracy"], {"a": CE, "b": MSE}, ["a_accuracy", "b_mse"]),
    "in order": (("mae",), (MSE, CE, rb.losses.Huber()), ["0_mae", "2_mae"]),
    "not trained": (["accuracy"], {"a": CE, "b": None}, ["a_accuracy"]),
    "weighted": ("accuracy", {"a": (0.5, CE + L2), "b": 0.1 * rb.losses.Known(MSE)}, ["a_accuracy"]),
    "quantiles": (["mse"], {"a": rb.losses.Quantile((0.1, 0.9)), "b": rb.losses.Quantile(0.5)}, ["b_mse"]),
    "by output": ({"a": "accuracy", "b": ["mae"]}, {"a": CE, "b": MSE}, ["a_accuracy", "b_mae"]),
    "by output, one's own": ({"b": {"right": np.equal}}, {"a": CE, "b": OWN}, ["b_right"]),
    "none": ([], {"a": CE, "b": MSE}, []),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("name", GOOD)
def test_a_name_is_for_the_outputs_that_it_suits(name: str) -> None:
    given, losses, expected = GOOD[name]
    assert [metric.name for metric in as_metrics("metrics", given, losses)] == expected


BAD: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "a function": ([np.equal], {"a": CE, "b": MSE}, TypeError, r"they are names, as \['accuracy'\], each for the outputs that it suits, or a dict by output, as \{'a': \[...\]\}, for functions too"),
    "no output": (["accuracy"], {"a": OWN + L2, "b": MSE}, ValueError, r"of 'accuracy' the loss of 'a' is one of your own.*as \{'a': \[...\]\}"),
    "one's own": (["accuracy"], {"a": OWN, "b": CE}, ValueError, r"give a dict by output, as \{'b': \['accuracy'\]\}"),
    "none that it suits": ("accuracy", (MSE, rb.losses.Huber()), ValueError, r"'accuracy' it suits no output, 0 with MeanSquaredError\(\) or 1 with Huber"),
    "another name": (["acc"], {"a": CE, "b": MSE}, ValueError, r"no metric is called 'acc' \(did you mean 'accuracy'"),
    "twice": (["mse", "mse"], {"a": CE, "b": MSE}, ValueError, "two are called 'mse'"),
    "a name for an output": ({"right": np.equal}, {"a": CE, "b": MSE}, ValueError, "metrics has 'right', which is no output with a loss; they are 'a', 'b'"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_suits_none_is_named(name: str) -> None:
    given, losses, error, message = BAD[name]
    with pytest.raises(error, match=message):
        as_metrics("metrics", given, losses)


def test_training_and_validation_report_them_by_output() -> None:
    x = rb.Input(3, "x")
    h = rb.GRU(3, 4, rng=0)(x)
    model = rb.Graph(
        x, {"tag": rb.Dense(4, 2, rng=1)(h), "kind": rb.Dense(4, 3, rng=2)(rb.Last()(h))}
    )
    rng = np.random.default_rng(0)
    target = {"tag": rng.normal(size=(6, 5, 2)).astype("float32"), "kind": np.arange(6) % 3}
    data = rb.Sequences(rng.normal(size=(6, 5, 3)).astype("float32"), target, batch_size=3)
    losses, names = {"tag": MSE, "kind": CE}, {"tag_mse", "kind_accuracy"}
    how: Any = {"validation": data, "monitor": "val_kind_accuracy", "metrics": ["accuracy", "mse"]}
    history = rb.fit(model, data, losses, epochs=1, **how)
    assert {*history.metrics} >= names | {f"validation_{name}" for name in names}
    found = rb.evaluate(model, data, losses, metrics=["accuracy", "mse"])
    assert found["tag_mse"] == pytest.approx(found["tag_loss"])
    assert found["kind_accuracy"] == history.metrics["validation_kind_accuracy"][-1]


def two_heads(form: Any = lambda heads: {"a": heads[0], "b": heads[1]}) -> rb.Graph:
    x = rb.Input(3, "x")
    heads = [rb.Dense(3, 2, rng=k)(x) for k in range(2)]
    return rb.Graph(x, form(heads))


REAL = np.random.default_rng(1).normal(size=(6, 5, 2)).astype("float32")
NUMBERS: dict[str, tuple[Any, Any, Any]] = {
    "one output": (lambda: rb.GRU(3, 2), REAL, (MSE, ["accuracy"])),
    "of one number": (lambda: rb.GRU(3, 1), REAL[..., :1], (rb.losses.Huber(), ["accuracy"])),
    "by output": (
        two_heads,
        {"a": REAL, "b": REAL},
        ({"a": MSE, "b": 0.5 * MSE}, {"b": "accuracy"}),
    ),
    "in order": (lambda: two_heads(list), (REAL, REAL), ((MSE, MSE), {1: ["accuracy"]})),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_accuracy_of_numbers_is_refused(name: str) -> None:
    make, target, (loss, metrics) = NUMBERS[name]
    data = rb.Sequences(np.zeros((6, 5, 3), "f4"), target, batch_size=3)
    says = (
        "metric accuracy: it is for classes, .* the target has .*; of numbers take 'mae' or 'mse'"
    )
    with pytest.raises(ValueError, match=says):
        rb.evaluate(make(), data, loss, metrics=metrics)
    with pytest.raises(ValueError, match=says):
        rb.fit(make(), data, loss, epochs=1, metrics=metrics, progress=False)


def test_accuracy_of_classes_under_a_loss_of_numbers_is_taken() -> None:
    """Of 0 and 1, and of anything where the mask is 0."""
    target, mask = (REAL > 0).astype("f4"), np.ones((6, 5), "f4")
    target[:, -1], mask[:, -1] = -9, 0
    data = rb.Sequences(np.zeros((6, 5, 3), "f4"), target, mask=mask, batch_size=6)
    model = rb.GRU(3, 2, rng=0)
    y = rb.predict(model, data)
    found = rb.evaluate(model, data, MSE, metrics=["accuracy"])
    right = (y.argmax(-1) == target.argmax(-1))[:, :-1]
    assert found["accuracy"] == pytest.approx(right.mean())
