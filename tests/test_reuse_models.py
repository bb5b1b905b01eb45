"""What is left of a model for its next run: it follows the parameters, and goes with the model."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import memory_pool as module
from rnnbp.bptt.chunk import Chunks
from rnnbp.support.prepared import prepared
from tests.helpers import assert_same_bits
from tests.reused import B, N, T, reals, run
from tests.reused import untraced as untraced  # a fixture

pytestmark = pytest.mark.long


def symbols() -> rb.Sequential:
    return rb.Sequential(rb.Embedding(7, 5, rng=0), rb.LSTM(5, 9, rng=1), rb.Dense(9, 3, rng=2))


def floats() -> rb.Sequential:
    cell = rb.GRU(4, 6, rng=1, initial="learned")
    return rb.Sequential(rb.Dense(3, 4, rng=0), cell, rb.Tanh(), rb.Dense(6, 3, rng=2))


@pytest.mark.parametrize("backend", ["llvm", "numpy", "interpreter"])
@pytest.mark.parametrize("build", [symbols, floats])
def test_predict_again_has_the_weights_of_now(
    build: Any, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    model, rng, loss = build(), np.random.default_rng(0), rb.losses.MeanSquaredError()
    x = rng.integers(0, 7, (20, 4)) if build is symbols else reals(20, 4, 3)
    y = reals(20, 4, 3, seed=5)
    first = rb.predict(model, x, chunk=8)[0]
    before = rb.evaluate(model, x, y, loss, chunk=8)[0]
    for path, p in model.params.items():
        p += rng.normal(size=p.shape).astype(p.dtype)
        changed, value = (
            rb.predict(model, x, chunk=8)[0],
            rb.evaluate(model, x, y, loss, chunk=8)[0],
        )
        rb.release_memory()
        np.testing.assert_array_equal(changed, rb.predict(model, x, chunk=8)[0], err_msg=path)
        assert value == rb.evaluate(model, x, y, loss, chunk=8)[0] != before, path
        assert not np.array_equal(changed, first), path
    x = x[::-1].copy()
    found = rb.predict(model, x, chunk=8)[0]
    rb.release_memory()
    np.testing.assert_array_equal(found, rb.predict(model, x, chunk=8)[0])


def whole(seed: int = 0) -> rb.Sequential:
    """A model of which all is left to the next run: a head, cells, their biases, parameters."""
    rng = np.random.default_rng(seed)
    return rb.Sequential(
        rb.GRU(32, 48, rng=rng), rb.LSTM(48, 40, rng=rng), rb.Dense(40, N, rng=rng)
    )


def spelled(seed: int = 0) -> rb.Sequential:
    rng = np.random.default_rng(seed)
    return rb.Sequential(
        rb.Embedding(20, 24, rng=rng), rb.LSTM(24, 40, rng=rng), rb.Dense(40, 20, rng=rng)
    )


def bare(seed: int = 0) -> rb.Recurrent:
    """By itself: it becomes a graph anew for each run."""
    return rb.LSTM(32, N, rng=seed)


def steps(model: Any, how: dict[str, Any], *, fresh: bool) -> list[rb.Gradients]:
    """Updates on changing data, by whatever is left or with nothing left."""
    found, rng = [], np.random.default_rng(1)
    for k in range(4):
        if fresh:
            rb.release_memory()
        if model.layers and isinstance(model.layers[0], rb.Embedding):
            x, loss = rng.integers(0, 20, (T, B)), rb.losses.CrossEntropy()
            found.append(rb.bptt(model, x, x, loss, **how))
        else:
            found.append(run(model, k, **how))
        for p in model.params.values():
            p += np.float32(0.01) * rng.normal(size=p.shape).astype(p.dtype)
        if k == 1:  # other memory for parameters
            for owner, key in model.slots.values():
                owner[key] = owner[key] * np.float32(1.5)
    return found


@pytest.mark.parametrize("build", [whole, spelled, bare])
@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("backend", ["numpy", None, "interpreter"])
def test_what_is_left_follows_the_parameters(
    build: Any, checkpoint: str, backend: str | None
) -> None:
    how = {"checkpoint": checkpoint, "backend": backend, "chunk": 20}
    for one, other in zip(
        steps(build(), how, fresh=False), steps(build(), how, fresh=True), strict=True
    ):
        assert one.loss == other.loss
        for name, grad in other.grads.items():
            np.testing.assert_array_equal(one.grads[name], grad, err_msg=name)


@pytest.mark.parametrize("build", [whole, bare])
def test_what_is_left_is_of_one_model_and_goes_with_it(build: Any) -> None:
    first, second = build(0), build(1)
    expected = []
    for model in (first, second):
        rb.release_memory()
        expected.append(run(model))
    for _ in range(2):
        for model, wanted in zip((first, second), expected, strict=True):
            assert_same_bits(run(model), wanted)
    (left,) = module._last
    assert left.kit(prepared(second), object) is not None
    run(second)
    held, alive = left._kit[0], weakref.ref(second)
    del second, model
    assert alive() is None
    assert not left._kit
    assert not hasattr(held, "problem")


def test_threads_may_be_others_in_the_next_run(use_threads: Callable[[int], None]) -> None:
    model, found = whole(), []
    for count in (1, 3, 2, 1):
        use_threads(count)
        found.append(run(model))
    for other in found[1:]:
        assert_same_bits(other, found[0])


@pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
def test_what_is_left_has_the_threads_of_its_run(use_threads: Callable[[int], None]) -> None:
    model = whole()
    for count in (1, 3, 2, 1):
        use_threads(count)
        run(model, backend="llvm")
        (left,) = module._last
        chunks = left.kit(prepared(model), Chunks)
        assert chunks is not None
        assert chunks.workspace.threads == count
        run(model, backend="llvm")  # with what is left


def test_a_changed_option_starts_from_nothing() -> None:
    """What the last run has left for the same model knows its layers as they were."""
    x, target = np.ones((60, 4, 8), np.float32), np.zeros((60, 4, 16), np.float32)
    h, value = rb.State(16), rb.Input(8)
    scale = rb.Scale(0.5)
    new = rb.Tanh()(scale(rb.Dense((8, 16), 16, rng=0)(value, h)))
    model = rb.Recurrent(rb.Cell(value, {h: new}, output=new))
    found = []
    for factor in (0.5, 2.0, 0.5):
        scale.set(scale=factor)
        found.append(
            [rb.bptt(model, x, target, rb.losses.MeanSquaredError()).loss for _ in range(2)]
        )
    assert found[0] == found[2]
    assert found[0][0] == found[0][1] != found[1][0] == found[1][1]
