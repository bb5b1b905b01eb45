"""Training of parameter values: optimizers, clipping, files, snapshots see the parameter."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_named
from tests.parameter_models import MODELS, data

MSE = rb.losses.MeanSquaredError()


def gradients(model: Any, name: str) -> Any:
    x, target = data(name, 9, 3, 4)
    return rb.bptt(model, x, target, MSE, chunk=4).grads


def source(name: str) -> rb.Sequences:
    x, target = data(name, 9, 6, 4)
    first = (x,) if not isinstance(x, tuple) else x
    return rb.Sequences(first[0].swapaxes(0, 1), target.swapaxes(0, 1), batch_size=3)


def test_weight_decay_acts_on_the_parameter_and_not_on_its_function() -> None:
    model = MODELS["squared"](4)
    before, grads = model.params.copy(), gradients(model, "squared")
    rb.optim.SGD(model, 0.1, weight_decay=0.5).step(grads)
    for path, p in model.params.items():
        expected = before[path] - 0.1 * (grads[path] + 0.5 * before[path])
        np.testing.assert_allclose(p, expected, rtol=1e-13)


@pytest.mark.parametrize("name", ["tied", "twice"])
def test_the_norm_of_gradients_counts_a_parameter_once(name: str) -> None:
    model = MODELS[name](4)
    grads = gradients(model, name)
    assert len([path for path in grads if path.endswith("w")]) == 1
    expected = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
    assert rb.optim.clip_norm(grads, 1e-3) == pytest.approx(expected, rel=1e-12)


def test_a_frozen_parameter_stays_and_others_learn() -> None:
    model = MODELS["squared"](4)
    before = model.params.copy()
    optimizer = rb.optim.Adam(model, 1e-2, frozen="*w")
    rb.fit(model, source("squared"), MSE, optimizer, epochs=2)
    changed = {path for path, p in model.params.items() if not np.array_equal(p, before[path])}
    assert changed == set(before) - {"0.w"}


@pytest.mark.parametrize("name", ["tied", "connections"])
def test_files_of_weights_hold_the_parameters(name: str, tmp_path: Path) -> None:
    model, other = MODELS[name](4), MODELS[name](4)
    for p in other.params.values():
        p += 1
    rb.save_weights(model, tmp_path / "weights.safetensors")
    rb.load_weights(other, tmp_path / "weights.safetensors")
    assert_same_named(other.params, model.params)
    assert_same_named(gradients(other, name), gradients(model, name))


@pytest.mark.parametrize("name", ["squared", pytest.param("connections", marks=pytest.mark.long)])
def test_a_run_that_was_stopped_goes_on_to_the_same_bits(name: str, tmp_path: Path) -> None:
    whole = MODELS[name](4)
    options: dict[str, Any] = {"seed": 3, "learning_rate": 1e-2}
    rb.fit(whole, source(name), MSE, "adamw", epochs=4, **options)
    half = MODELS[name](4)
    rb.fit(half, source(name), MSE, "adamw", epochs=2, folder=tmp_path, **options)
    again = MODELS[name](4)
    options |= {"folder": tmp_path, "resume": True}
    rb.fit(again, source(name), MSE, "adamw", epochs=4, **options)
    assert_same_named(again.params, whole.params)


@pytest.mark.long
def test_training_learns() -> None:
    """A target that the same model makes with other weights is approached."""
    teacher, model = MODELS["squared"](4), MODELS["squared"](4)
    for p in teacher.params.values():
        p *= -1.5
    x, _ = data("squared", 20, 16, 4)
    target = rb.predict(teacher, x)[0]
    batches = rb.Sequences(x.swapaxes(0, 1), target.swapaxes(0, 1), batch_size=16)
    history = rb.fit(model, batches, MSE, "adam", learning_rate=2e-2, epochs=150)
    assert history.losses[-1] < 0.1 * history.losses[0]


def test_copies_and_other_dtypes_have_parameters_of_their_own() -> None:
    model = MODELS["squared"](4)
    single = model.astype("float32")
    x, target = data("squared", 9, 3, 4)
    found = rb.bptt(single, x.astype("float32"), target.astype("float32"), MSE)
    assert found.grads["0.w"].dtype == np.float32
    np.testing.assert_allclose(found.grads["0.w"], gradients(model, "squared")["0.w"], atol=1e-5)
    single.params["0.w"][...] = 0
    assert model.params["0.w"].any()


def test_two_threads_that_run_one_model_have_values_of_their_own() -> None:
    """Two models share a cell's code only where they are one; here one model is run at once."""
    model = MODELS["gated"](4)
    runs = [data("gated", 40, 3, 4, seed=k) for k in range(2)]
    expected = [rb.bptt(model, x, target, MSE, chunk=1).grads for x, target in runs]
    found: list[Any] = [None, None]

    def run(k: int) -> None:
        for _ in range(5):
            found[k] = rb.bptt(model, runs[k][0], runs[k][1], MSE, chunk=1).grads

    threads = [threading.Thread(target=run, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(found, expected, strict=True):
        assert_same_named(one, other)


def test_a_summary_has_the_rows_of_the_model_as_it_was_written() -> None:
    found = MODELS["tied"](4).summary(steps=9, batch=3)
    rows = {row.name: row for row in found.rows}
    assert (rows["w"].parameters, rows["w"].outputs, rows["w"].per) == (16, ((4, 4),), "run")
    assert found.parameters == 20 + 120
    assert rows["1"].flops == 9 * 3 * 2 * 16
    assert "(4, 4)  " in str(found)
    within = MODELS["squared"](4).summary(steps=9, batch=3)
    assert [row.name for row in within.rows] == ["0", "1"]
    once, plain = 16, 9 * 3 * (4 + 32 + 36 + 4 + 4)  # w * w; g *, W h, U x + b, +, tanh
    assert within.rows[0].flops == once + plain
