"""A mapped file that was cut short is an error wherever its array comes in: reading it ends the process."""

from __future__ import annotations

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
    "Sequences in their order": lambda x: rb.Sequences(x, ones(N, T, 1), batch_size=4, shuffle=False),
    "their target": lambda x: rb.Sequences(ones(N, T, F), x, batch_size=4),
    "their mask": lambda x: rb.Sequences(ones(N, T, F), ones(N, T, 1), mask=x[..., 0], batch_size=4),
    "time-first": lambda x: rb.Sequences(x, ones(N, T, 1), batch_size=4, batch_first=False),
    "the last target": lambda x: rb.Sequences(ones(N, T, F), x[:, 0], batch_size=4, last=True),
    "Windows": lambda x: rb.Windows(x.reshape(-1, F), ones(N * T, 1), horizon=8, batch_size=4),
    "their targets": lambda x: rb.Windows(ones(N * T, F), x.reshape(-1, F), horizon=8, batch_size=4),
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
        np.testing.assert_array_equal(getattr(data.batch(0, 0), name), getattr(expected.batch(0, 0), name))
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
