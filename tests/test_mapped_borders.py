"""A mapped file that was cut short is an error wherever it comes in: reading it would crash."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

N, T, F = 16, 50, 64
MSE = rb.losses.MeanSquaredError()
SIZE = N * T * F * 4


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def model() -> rb.Sequential:
    return rb.Sequential(rb.RNN(F, 4, rng=0), rb.Dense(4, 1, rng=1))


SOURCES: dict[str, Callable[[Any], Any]] = {
    "Sequences": lambda x: rb.Sequences(x, ones(N, T, 1), batch_size=4),
    "Sequences in their order": lambda x: rb.Sequences(
        x, ones(N, T, 1), batch_size=4, shuffle=False
    ),
    "their target": lambda x: rb.Sequences(ones(N, T, F), x, batch_size=4),
    "their mask": lambda x: rb.Sequences(
        ones(N, T, F), ones(N, T, 1), mask=x[..., 0], batch_size=4
    ),
    "time-first": lambda x: rb.Sequences(x, ones(N, T, 1), batch_size=4, batch_first=False),
    "the last target": lambda x: rb.Sequences(ones(N, T, F), x[:, 0], batch_size=4, last=True),
    "Windows": lambda x: rb.Windows(x.reshape(-1, F), ones(N * T, 1), horizon=8, batch_size=4),
    "their targets": lambda x: rb.Windows(
        ones(N * T, F), x.reshape(-1, F), horizon=8, batch_size=4
    ),
    "Examples": lambda x: rb.Examples(x.reshape(-1, F), ones(N * T, 1), batch_size=4),
    "a view": lambda x: rb.Examples(np.asarray(x)[::-1, 3], ones(N, 1), batch_size=4),
}


@pytest.fixture
def mapped(tmp_path: Path) -> tuple[np.ndarray, Callable[[], None]]:
    """An array of ones in a file, and a function that cuts the file short."""
    path = tmp_path / "x.bin"
    x = np.memmap(path, np.float32, "w+", shape=(N, T, F))
    x[...] = 1
    x.flush()

    def cut() -> None:
        with open(path, "r+b") as file:
            file.truncate(100)

    return x, cut


CUT = f"x.bin was cut short while it was mapped, to 100 bytes of {SIZE:,}"


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", SOURCES)
def test_a_source_of_a_file_that_is_cut_short(case: str, mapped: Any) -> None:
    x, cut = mapped
    expected, data = SOURCES[case](np.array(x)), SOURCES[case](x)
    for name in ("x", "target", "mask"):
        np.testing.assert_array_equal(
            getattr(data.batch(0, 0), name), getattr(expected.batch(0, 0), name)
        )
    cut()
    with pytest.raises(rb.StorageError, match=CUT):
        data.batch(0, 1)
    with pytest.raises(rb.StorageError, match=CUT):
        assert data.fingerprint


def test_training_while_the_file_is_cut_short(mapped: Any) -> None:
    x, cut = mapped
    data = rb.Sequences(x, ones(N, T, 1), batch_size=4)
    trainer = rb.Trainer(net := model(), rb.optim.Adam(net), MSE, callbacks=[lambda _: cut()])
    with pytest.raises(rb.StorageError, match=CUT) as found:
        trainer.fit(data, epochs=1)
    assert "in step 2, batch 1 of epoch 0" in found.value.__notes__


CALLS: dict[str, Callable[[Any], Any]] = {
    "a state": lambda x: rb.predict(rb.RNN(F, F, rng=0), ones(2, T, F), state=x[12]),
    "the outputs of a loss": lambda x: MSE(x, ones(N, T, F)),
    "the target of a loss": lambda x: MSE(ones(N, T, F), x),
    "the weights of a loss": lambda x: MSE(ones(N, T, 1), ones(N, T, 1), x[..., 0]),
    "x of check_grads": lambda x: rb.check_grads(model(), x[:2], ones(2, T, 1), MSE),
    "x of predict": lambda x: rb.predict(model(), x),
    "x of evaluate": lambda x: rb.evaluate(model(), x, ones(N, T, 1), MSE),
    "the mask of predict": lambda x: rb.predict(model(), ones(N, T, F), mask=x[..., 0]),
    "x of backprop": lambda x: rb.backprop(rb.Dense(F, 1, rng=0), x[:, 0], ones(N, 1), MSE),
}


@pytest.mark.parametrize("case", CALLS)
def test_an_argument_of_a_file_that_is_cut_short(case: str, mapped: Any) -> None:
    x, cut = mapped
    cut()
    with pytest.raises(rb.StorageError, match=CUT):
        CALLS[case](x)


def dense_of(weight: Any) -> rb.Dense:
    layer = rb.Dense(F, 1, rng=0)
    layer.params["weight"] = weight
    return layer


ROW = np.s_[3, :1]
DOORS: dict[str, Callable[[Any], Any]] = {
    "params.update": lambda x: model().params.update({"1.bias": x[0, 0, :1]}),
    "params.update with a view": lambda x: model().params.update(
        {"1.bias": np.asarray(x)[0, 0, :1]}
    ),
    "params |=": lambda x: model().params.__ior__({"1.bias": x[0, 0, :1]}),
    "params ==": lambda x: model().params == {**model().params, "1.bias": x[0, 0, :1]},
    "a layer's params": lambda x: dense_of(x[ROW]),
    "an initializer": lambda x: rb.Dense(F, 1, weight_init=lambda rng, shape: x[ROW]),
    "class weights": lambda x: rb.losses.CrossEntropy(class_weight=x[3, 0]),
    "a gradient": lambda x: rb.optim.SGD(dense := rb.Dense(F, 1, rng=0), learning_rate=1.0).step(
        dict(dense.params, weight=x[ROW])
    ),
    "gradients that are clipped": lambda x: rb.optim.clip_norm({"weight": x}, 1.0),
    "the delta of a loss": lambda x: rb.bptt(
        rb.RNN(F, F, rng=0), ones(N, T, F), None, lambda y, t: (0.0, x[: len(y)])
    ),
    "a layer that is called": lambda x: rb.Dense(F, 1, rng=0)(x),
    "a list of arrays": lambda x: rb.predict(model(), [x[k] for k in range(N)]),
    "a buffer of the file": lambda x: rb.predict(
        model(), np.frombuffer(x._mmap, np.float32).reshape(x.shape)
    ),
    "a piece of a stream": lambda x: rb.bptt(model(), iter([x[:4], x[4:]]), ones(N, T, 1), MSE),
    "a mask of a source": lambda x: rb.Sequences(
        ones(N, T, F), ones(N, T, 1), mask=x[..., 0], batch_size=4
    ),
    "x of a sweep": lambda x: rb.compare.sweep(model(), x, ones(N, T, 1), MSE),
}


@pytest.mark.parametrize("case", DOORS)
def test_every_other_way_in(case: str, mapped: Any) -> None:
    x, cut = mapped
    cut()
    with pytest.raises(rb.StorageError, match="was cut short while it was mapped, to 100 bytes"):
        DOORS[case](x)


USES: dict[str, Callable[[Any, Path], Any]] = {
    "a run": lambda m, _: rb.bptt(m, ones(2, 2, F), ones(2, 2, 1), MSE),
    "predict": lambda m, _: rb.predict(m, ones(2, 2, F)),
    "saving": lambda m, path: rb.save_weights(m, path),
    "a copy": lambda m, _: copy.deepcopy(m),
    "another dtype": lambda m, _: m.astype("float64"),
    "its parameters": lambda m, _: m.params,
}


@pytest.mark.parametrize("case", USES)
def test_a_parameter_whose_file_is_cut_short(case: str, mapped: Any, tmp_path: Path) -> None:
    x, cut = mapped
    net = rb.Sequential(dense_of(x[ROW]))
    USES[case](net, tmp_path / "w")
    cut()
    with pytest.raises(rb.StorageError, match="was cut short while it was mapped, to 100 bytes"):
        USES[case](net, tmp_path / "w")
