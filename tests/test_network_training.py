"""Training of networks over time: true lengths, static outputs, losses and metrics by output."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.helpers import assert_same_arrays
from tests.ragged import LENGTHS, TARGETS, N, X, labels

CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
LOSS = {"tag": (0.5, MSE), "class": CE}


def both(dtype: str = "float64") -> rb.Graph:
    """Both directions."""
    return rb.Bidirectional(rb.GRU(3, 2, dtype=dtype, rng=0), rb.GRU(3, 2, dtype=dtype, rng=1))


@cache
def fixed(make: Any) -> Any:
    """A model that no test changes."""
    return make()


def classifier() -> rb.Sequential:
    return rb.Sequential(both(), rb.Last(), rb.Dense(4, 3, dtype="float64", rng=2))


def two_heads() -> rb.Graph:
    x = rb.Input(3, name="x")
    h = both()(x)
    tag = rb.Dense(4, 2, dtype="float64", rng=3)(h)
    label = rb.Dense(4, 3, dtype="float64", rng=4)(rb.Last()(h))
    return rb.Graph(x, {"tag": tag, "class": label})


def classes(**options: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X, "target": labels(), "batch_size": 4} | options))


def heads(**options: Any) -> rb.Sequences:
    return classes(target={"tag": TARGETS, "class": labels()}, **options)


@cache
def alone(model: Any) -> list[Any]:
    """The outputs of each sequence run alone, of a model that no test changes."""
    return [rb.predict(model, x[:, None])[0] for x in X]


@pytest.mark.quick
def test_a_classifier_sees_each_sequence_to_its_end() -> None:
    model = fixed(classifier)
    y = np.concatenate(alone(model))
    np.testing.assert_allclose(rb.predict(model, classes()), y, rtol=1e-12)
    found = rb.evaluate(model, classes(), CE, metrics=["accuracy"])
    np.testing.assert_allclose(found["loss"], CE(y, labels())[0], rtol=1e-12)
    assert found["accuracy"] == pytest.approx((y.argmax(axis=1) == labels()).mean())
    weights = np.linspace(0.1, 1, N)
    found = rb.evaluate(model, classes(mask=weights), CE)
    np.testing.assert_allclose(found["loss"], CE(y, labels(), weights)[0], rtol=1e-12)


@pytest.mark.quick
def test_losses_and_metrics_by_output_are_those_of_the_sequences_alone() -> None:
    model = fixed(two_heads)
    y = alone(model)
    tags, ends = np.concatenate([one["tag"][:, 0] for one in y]), np.concatenate([one["class"] for one in y])  # fmt: skip
    expected = MSE(tags, np.concatenate(TARGETS))[0], CE(ends, labels())[0]
    metrics = {"tag": ["mae"], "class": {"right": lambda y, t: y.argmax(axis=-1) == t}}
    found = rb.evaluate(model, heads(), LOSS, metrics=metrics)
    assert list(found) == ["loss", "tag_loss", "class_loss", "tag_mae", "class_right"]
    np.testing.assert_allclose([found["tag_loss"], found["class_loss"]], expected, rtol=1e-12)
    np.testing.assert_allclose(found["loss"], 0.5 * expected[0] + expected[1], rtol=1e-12)
    np.testing.assert_allclose(found["tag_mae"], np.abs(tags - np.concatenate(TARGETS)).mean(), rtol=1e-12)  # fmt: skip
    assert found["class_right"] == pytest.approx((ends.argmax(axis=1) == labels()).mean())
    outputs = rb.predict(model, classes(target=None))
    assert [one.shape for one in outputs["tag"]] == [(n, 2) for n in LENGTHS]
    np.testing.assert_allclose(np.concatenate(outputs["tag"]), tags, rtol=1e-12)
    np.testing.assert_allclose(outputs["class"], ends, rtol=1e-12)


@pytest.mark.quick
def test_an_update_is_that_of_bptt_on_its_batch() -> None:
    model, data = two_heads(), heads(batch_size=N)
    batch = data.batch(0, 0)
    found = rb.bptt(model, batch.x, batch.target, LOSS, mask=batch.mask, lengths=batch.lengths)
    before = {name: p.copy() for name, p in model.params.items()}
    history = rb.fit(model, data, LOSS, rb.optim.SGD(model, 0.1), epochs=1)
    assert history.losses == [found.loss]
    assert history.metrics["tag_loss"] == [found.losses["tag"]]
    for name, p in model.params.items():
        np.testing.assert_allclose(p, before[name] - 0.1 * found.grads[name], rtol=1e-13)


def trainer(folder: Path | None = None) -> rb.Trainer:
    model = two_heads()
    options = {"validation": heads(shuffle=False), "monitor": "val_tag_loss", "keep_best": True}
    return rb.Trainer(
        model, rb.optim.Adam(model, 0.01), LOSS, folder=folder, metrics={"class": ["accuracy"]}, **options
    )  # fmt: skip


def test_a_run_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    whole = trainer()
    expected = whole.fit(heads(), steps=6)
    assert expected.best.monitor == "val_tag_loss"
    assert {*expected.metrics} >= {"tag_loss", "class_loss", "class_accuracy"}
    assert expected.metrics["val_tag_loss"] == expected.metrics["validation_tag_loss"]
    trainer(tmp_path).fit(heads(), steps=4)
    again = trainer(tmp_path).resume()
    found = again.fit(heads(), until_steps=6)
    assert found.losses == expected.losses
    assert found.metrics == expected.metrics
    assert_same_arrays(again.model.params.values(), whole.model.params.values())


def test_an_output_without_weight_in_a_batch_is_left_out_of_it() -> None:
    weights = np.ones(N)
    weights[3:] = 0
    data = heads(mask={"class": weights}, batch_size=3, shuffle=False)
    history = rb.fit(two_heads(), data, LOSS, "adam", epochs=1, metrics={"class": "accuracy"})
    assert np.isfinite(history.losses).all()
    assert np.isfinite(history.metrics["tag_loss"]).all()
    known = [True, False, False, False]
    assert [np.isfinite(v) for v in history.metrics["class_loss"]] == known
    assert [np.isfinite(v) for v in history.metrics["class_accuracy"]] == known
    model = fixed(two_heads)
    found = rb.evaluate(model, data, LOSS)
    ends = np.concatenate([one["class"] for one in alone(model)])
    np.testing.assert_allclose(found["class_loss"], CE(ends[:3], labels()[:3])[0], rtol=1e-12)
    none = heads(mask={"class": weights * 0, "tag": np.zeros(N)}, shuffle=False)
    assert rb.fit(two_heads(), none, LOSS, "adam", epochs=1).weightless == 3


def squares(y: Any, target: Any) -> tuple[float, Any]:
    assert y.shape == target.shape
    return float(((y - target) ** 2).sum()), 2 * (y - target)


OWN: dict[str, Any] = {
    "per step": rb.losses.PerStep(lambda y, t: ((y - t) ** 2, 2 * (y - t))),
    "whole": rb.losses.WholeSequence(squares),
    "function": squares,
}


@pytest.mark.parametrize("name", OWN)
def test_losses_of_ones_own_see_static_outputs_and_lengths(name: str) -> None:
    loss, numbers = OWN[name], np.linspace(-1, 1, 3 * N).reshape(N, 3)
    y = np.concatenate(alone(fixed(classifier)))
    model = classifier()
    found = rb.evaluate(model, classes(target=numbers, batch_size=N), loss, metrics=["mse"])
    total = ((y - numbers) ** 2).sum()
    expected = total / numbers.size if name == "per step" else total
    np.testing.assert_allclose(found["loss"], expected, rtol=1e-12)
    np.testing.assert_allclose(found["mse"], total / numbers.size, rtol=1e-12)
    history = rb.fit(model, classes(target=numbers, batch_size=N), loss, epochs=1, metrics=["mse"])
    np.testing.assert_allclose(history.losses, [expected], rtol=1e-12)


def test_outputs_without_names_have_numbers() -> None:
    x = rb.Input(3)
    h = both()(x)
    model = rb.Graph(x, (rb.Dense(4, 2, dtype="float64", rng=3)(h), rb.Last()(h)))
    ends = np.zeros((N, 4))
    data = classes(target={0: TARGETS, 1: ends}, static=[1])
    history = rb.fit(model, data, (MSE, 0.1 * MSE), epochs=1, metrics={0: ["mae"]})
    assert {*history.metrics} == {"0_loss", "1_loss", "0_mae"}
    tags, found = rb.predict(model, data)
    assert len(tags) == N
    assert found.shape == (N, 4)


def test_iterables_have_lengths_and_targets_by_output() -> None:
    model = two_heads()
    batches = [heads().batch(0, k) for k in range(3)]
    history = rb.fit(model, batches, LOSS, epochs=1)
    assert history.losses == rb.fit(two_heads(), heads(), LOSS, epochs=1).losses
    plain = Batch(batches[0].x, batches[0].target)
    assert "target dict of 2" in repr(plain)


BAD: dict[str, tuple[Any, type[Exception], str]] = {
    "metrics of all": (lambda: rb.fit(two_heads(), heads(), LOSS, epochs=1, metrics=[squares]), TypeError, r"metrics: of a model of several outputs they are names, as .* or a dict by output, as \{'tag'"),
    "a metric of no output": (lambda: rb.fit(two_heads(), heads(), LOSS, epochs=1, metrics={"tags": ["mse"]}), ValueError, r"metrics has 'tags', which is no output with a loss \(did you mean 'tag'"),
    "an output without a loss": (lambda: rb.fit(two_heads(), heads(), {"tag": MSE}, epochs=1), ValueError, "loss has nothing for the output 'class'"),
    "a loss of no output": (lambda: rb.fit(two_heads(), heads(), LOSS | {"tags": MSE}, epochs=1), ValueError, r"loss has 'tags', which is no output of the model \(did you mean 'tag'"),
    "one loss": (lambda: rb.fit(two_heads(), heads(), CE, epochs=1), TypeError, "the model has 2 outputs, 'tag', 'class'; loss must be a tuple"),
    "no loss": (lambda: rb.fit(two_heads(), heads(), {"tag": None, "class": None}, epochs=1), TypeError, "no output has a loss"),
    "a mask of no target": (lambda: heads(mask={"clas": np.ones(N)}), ValueError, r"Sequences: mask has 'clas', of which there is no target \(did you mean 'class'"),
    "a mask of all": (lambda: heads(mask=np.ones(N)), rb.ShapeError, "Sequences: mask is one for all outputs, and some have a target of each sequence"),
    "a target of steps": (lambda: rb.fit(classifier(), classes(target=TARGETS), CE, epochs=1), rb.ShapeError, r"Sequences: target, of shape \(10, 9, 2\), has one at each step and the output of the model is one for each sequence"),
    "a target at the last step": (lambda: rb.fit(classifier(), classes(last=True), CE, epochs=1), rb.ShapeError, "is placed at the last step, by last=True, and the output .*; leave last out"),
    "a target of each": (lambda: rb.fit(two_heads(), classes(target={"tag": labels(), "class": labels()}), LOSS, epochs=1), rb.ShapeError, r"Sequences: target\['tag'\] has shape \(10,\), one for each sequence, and the model has an output at each"),
    "one-hot classes": (lambda: rb.fit(two_heads(), classes(target={"tag": TARGETS, "class": np.eye(3)[labels()]}), LOSS, epochs=1), rb.ShapeError, r"target\['class'\] has shape \(10, 3\); CrossEntropy takes class numbers \(N,\)"),
    "an unknown figure": (lambda: rb.fit(two_heads(), heads(), LOSS, epochs=1, validation=heads(), monitor="val_tags_loss"), ValueError, "did you mean 'val_tag_loss'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_does_not_fit_is_named(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


# Two time axes: an encoder that starts a decoder

SOURCE = [np.random.default_rng(n).normal(size=(n + 2, 2)) for n in LENGTHS[::-1]]


def translator() -> rb.Graph:
    source, before = rb.Input(2, "source", axis="source"), rb.Input(3, "before")
    _, state = rb.GRU(2, 3, dtype="float64", rng=0)(source, return_state=True)
    h = rb.GRU(3, 3, dtype="float64", rng=1)(before, state=state)
    return rb.Graph((source, before), rb.Dense(3, 2, dtype="float64", rng=2)(h))


def pairs(**options: Any) -> rb.Sequences:
    return classes(x={"source": SOURCE, "before": X}, target=TARGETS, **options)


@pytest.mark.quick
def test_inputs_of_two_time_axes_end_each_at_their_own() -> None:
    batch = pairs(shuffle=False).batch(0, 1)
    assert_same_arrays(batch.lengths.values(), [LENGTHS[::-1][4:8] + 2, LENGTHS[4:8]])
    assert [batch.x[key].shape[:2] for key in batch.x] == [(11, 4), (9, 4)]
    assert batch.target.shape == (9, 4, 2)
    model = translator()
    each = zip(SOURCE, X, strict=True)
    y = [rb.predict(model, (s[:, None], x[:, None]))[0][:, 0] for s, x in each]
    for found, expected in zip(rb.predict(model, pairs()), y, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    expected_loss = MSE(np.concatenate(y), np.concatenate(TARGETS))[0]
    np.testing.assert_allclose(rb.evaluate(model, pairs(), MSE)["loss"], expected_loss, rtol=1e-12)


def test_batches_of_two_time_axes_add_up() -> None:
    models = translator(), translator()
    for model, size in zip(models, (N, 1), strict=True):
        how = {"epochs": 1, "accumulate": N // size}
        rb.fit(model, pairs(batch_size=size), MSE, rb.optim.SGD(model, 0.1), **how)
    for name, p in models[0].params.items():
        np.testing.assert_allclose(p, models[1].params[name], rtol=1e-11, err_msg=name)


def test_last_steps_of_two_time_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="places targets at the last step, and the inputs end at"):
        classes(x={"source": SOURCE, "before": X}, last=True)
