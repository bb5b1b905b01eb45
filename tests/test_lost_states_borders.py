"""A sequence whose x ends in NaN, under a mask, has no state to go on from; the others do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from rnnbp.train.validation import validation_loss
from tests.padded import MSE, net

T, B = 6, 3


def window(number: int) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(number).normal(size=(T, B, 3)).astype(np.float32)
    return x, np.ascontiguousarray(x[..., :1])


@pytest.mark.parametrize("backend", ["numpy", "interpreter", None])
def test_masked_steps_that_are_finite_reach_the_state(backend: str | None) -> None:
    x, y = window(0)
    mask = np.ones((T, B), bool)
    mask[3:, :2] = False
    bad, zeros = x.copy(), x.copy()
    bad[4:, 0], zeros[4:, 0] = np.nan, 0
    found = rb.bptt(net(), bad, y, MSE, mask=mask, chunk=2, backend=backend)
    expected = rb.bptt(net(), zeros, y, MSE, mask=mask, chunk=2, backend=backend)
    assert (found.loss, found.lost, expected.lost) == (expected.loss, (0,), ())
    for one, other in zip(found.state, expected.state, strict=True):
        for p, q in zip(one, other, strict=True):
            np.testing.assert_array_equal(p, q)
    np.testing.assert_array_equal(found.dx, expected.dx)


class Windows:
    """Four windows of three sequences; in window 1 the x of sequence 0 ends in NaN.

    ``again`` is the window from which on sequence 0 has weight again, ``fresh`` one that starts anew.
    """

    batches_per_epoch, fingerprint = 4, "windows"

    def __init__(self, again: int = 9, fresh: int = 9, *, streams: bool = False) -> None:
        self.again, self.fresh, self.streams = again, fresh, streams

    def batch(self, epoch: int, index: int) -> Batch:
        x, y = window(index)
        mask = np.ones((T, B), bool)
        x[4:, 0] = np.where(index == 1, np.nan, x[4:, 0])
        mask[4 * (index == 1) :, 0] = index < 1 or index >= self.again
        mask[:4, 0] |= index == 1
        given: list[Any] = [iter([a]) for a in (x, y)] if self.streams else [x, y]
        return Batch(*given, mask, fresh=index in (0, self.fresh))


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("again", "fresh"), [(9, 9), (2, 2), (3, 2), (3, 3)])
def test_sequences_that_have_ended_are_trained_past(again: int, fresh: int, streams: bool) -> None:
    model = net()
    assert (
        rb.fit(
            model, Windows(again, fresh, streams=streams), MSE, "sgd", learning_rate=0.1, epochs=2
        ).steps
        == 8
    )
    assert np.isfinite(validation_loss(model, Windows(again, fresh), MSE))


@pytest.mark.parametrize("streams", [False, True])
@pytest.mark.parametrize(("again", "fresh"), [(2, 9), (3, 9), (2, 3)])
def test_a_sequence_that_goes_on_is_refused(again: int, fresh: int, streams: bool) -> None:
    match = "sequence 0 has weight in a batch that goes on .* fresh=True"
    data = Windows(again, fresh, streams=streams)
    with pytest.raises(ValueError, match=match) as found:
        rb.fit(net(), data, MSE, "sgd", learning_rate=0.1, epochs=1)
    assert f"in step {again + 1}, batch {again} of epoch 0" in found.value.__notes__
    with pytest.raises(ValueError, match=match):
        validation_loss(net(), Windows(again, fresh), MSE)


def run(folder: Path) -> rb.Trainer:
    model = net()
    return rb.Trainer(model, rb.optim.Adam(model), MSE, folder=folder)


def test_a_resumed_run_knows_it_too(tmp_path: Path) -> None:
    run(tmp_path).fit(Windows(again=3), steps=3)
    resumed = run(tmp_path).resume()
    with pytest.raises(ValueError, match="sequence 0 has weight in a batch that goes on"):
        resumed.fit(Windows(again=3), steps=4)
    whole = run(tmp_path / "whole")
    whole.fit(Windows(), steps=6)
    assert run(tmp_path).resume().fit(Windows(), steps=6).losses == whole.at.history.losses


def test_a_batch_left_out_starts_anew() -> None:
    model = net()
    trainer = rb.Trainer(model, rb.optim.Adam(model), MSE, on_nonfinite="skip")
    assert trainer.fit(Windows(again=2), steps=4).skipped == 1
