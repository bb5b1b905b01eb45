"""Windows of padding alone: training and validation go on, and means are over what has weight."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from rnnbp.train.validation import validation_loss

MSE = rb.losses.MeanSquaredError()
GOOD = rb.Sequences(np.ones((4, 5, 3), np.float32), np.zeros((4, 5, 1)), batch_size=2)


def net(dropout: float = 0.0) -> rb.Sequential:
    return rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dropout(dropout), rb.Dense(4, 1, rng=1))


class Padded:
    """Three windows of two lanes, of which the one in the middle is padding."""

    batches_per_epoch = 3

    def __init__(self, empty: int = 1, target: float = 0.5) -> None:
        self.empty, self.target = empty, target

    def batch(self, epoch: int, index: int) -> Batch:
        x = np.random.default_rng(index).normal(size=(4, 2, 3)).astype(np.float32)
        mask = np.full((4, 2), index != self.empty)
        return Batch(x, np.full((4, 2, 1), self.target), mask, fresh=index == 0)


def test_training_skips_the_update_and_carries_the_state(tmp_path: Path) -> None:
    model, data = net(), Padded()
    rate = 0.1
    history = rb.fit(model, data, MSE, "sgd", learning_rate=rate, epochs=1, folder=tmp_path)
    by_hand = net()

    def update(batch: Batch, state: Any) -> Any:
        result = rb.bptt(by_hand, batch.x, batch.target, MSE, state=state)
        for name, p in by_hand.params.items():
            p -= np.float32(rate) * result.grads[name]
        return result.state

    state = update(data.batch(0, 0), None)
    update(data.batch(0, 2), rb.predict(by_hand, data.batch(0, 1).x, state=state)[1])
    for name, p in model.params.items():
        np.testing.assert_allclose(p, by_hand.params[name], rtol=1e-6)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line.get("weight") for line in lines] == [None, 0.0, None]
    assert history.steps == 3


@pytest.mark.parametrize("rule", ["sgd", "adam", "adamw", "rmsprop"])
def test_a_run_of_padding_alone_changes_no_parameter(rule: str) -> None:
    model = net(0.5)
    before = {name: p.copy() for name, p in model.params.items()}
    mask = np.zeros((4, 5), bool)
    data = rb.Sequences(
        np.ones((4, 5, 3), np.float32), np.zeros((4, 5, 1)), mask=mask, batch_size=2
    )
    assert rb.fit(model, data, MSE, rule, learning_rate=0.1, epochs=2).steps == 4
    for name, p in model.params.items():
        np.testing.assert_array_equal(p, before[name])


def test_weights_of_classes_may_leave_nothing() -> None:
    loss, x = rb.losses.CrossEntropy(class_weight=[0.0, 1.0]), np.ones((2, 3, 3), np.float32)
    labels = np.array([[0, 0, 0], [0, 1, 0]])
    model = rb.Sequential(rb.RNN(3, 4, rng=0), rb.Dense(4, 2, rng=1))
    data = rb.Sequences(x, labels, batch_size=1, shuffle=False)
    expected = rb.evaluate(model, x[1:].swapaxes(0, 1), labels[1:].T, loss)[0]
    assert validation_loss(model, data, loss) == pytest.approx(expected, rel=1e-6)
    assert rb.fit(model, data, loss, "sgd", learning_rate=0.1, epochs=1).steps == 2


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("loss", [MSE, rb.losses.Huber(0.1), rb.losses.MeanAbsoluteError()])
def test_a_validation_mean_does_not_depend_on_batches(size: int, loss: Any) -> None:
    rng = np.random.default_rng(0)
    model = rb.Sequential(
        rb.LSTM(2, 3, rng=0, dtype="float64"), rb.Dense(3, 1, rng=1, dtype="float64")
    )
    x, y, mask = rng.normal(size=(4, 3, 2)), rng.normal(size=(4, 3, 1)), rng.random((4, 3))
    mask[2:3] = 0
    mask[0, 1:] = 0
    y[2] = np.nan
    expected = rb.evaluate(model, x.swapaxes(0, 1), y.swapaxes(0, 1), loss, mask=mask.T)[0]
    data = rb.Sequences(x, y, mask=mask, batch_size=size, shuffle=False)
    assert validation_loss(model, data, loss) == pytest.approx(expected, rel=1e-12)


def test_validation_carries_the_state_through_a_window_without_weight() -> None:
    model, data = net(), Padded()
    parts = [data.batch(0, k) for k in range(3)]
    x, y, mask = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("x", "target", "mask")
    )
    assert validation_loss(model, data, MSE) == pytest.approx(
        rb.evaluate(model, x, y, MSE, mask=mask)[0], rel=1e-6
    )
    assert (
        rb.fit(
            net(), GOOD, MSE, "sgd", learning_rate=0.1, steps=1, validation=data, validate_every=1
        ).steps
        == 1
    )


def test_what_has_no_weight_at_all_says_how_to_leave_it_out() -> None:
    batch = Padded().batch(0, 1)
    for call in (rb.bptt, rb.evaluate):
        with pytest.raises(
            ValueError,
            match="all weights are 0; give a mask with a True, or leave out what is padding",
        ):
            call(net(), batch.x, batch.target, MSE, mask=batch.mask)
    data = rb.Sequences(
        np.ones((2, 5, 3), np.float32), np.zeros((2, 5, 1)), mask=np.zeros((2, 5)), batch_size=1
    )
    with pytest.raises(ValueError, match="validation: the weights of all 2 batches are 0"):
        validation_loss(net(), data, MSE)


class Smaller:
    """The last batch has a lane less, and goes on from the one before."""

    batches_per_epoch = 3

    def batch(self, epoch: int, index: int) -> Batch:
        x = np.ones((5, 3 if index == 2 else 4, 3), np.float32)
        return Batch(x, x[..., :1] * 0, None, fresh=index == 0)


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"data": Smaller()}, "in step 3, batch 2 of epoch 0"),
        ({"data": GOOD, "validation": Smaller()}, "in validation, batch 2"),
    ],
)
def test_a_smaller_batch_says_that_the_state_is_carried(
    options: dict[str, Any], place: str
) -> None:
    with pytest.raises(rb.ShapeError, match="state 0, h: expected shape") as caught:
        rb.fit(net(), loss=MSE, optimizer="sgd", learning_rate=0.1, epochs=1, **options)
    notes = "; ".join(caught.value.__notes__)
    assert place in notes
    assert (
        "the state is carried over from the batch before; give all lanes until one with fresh=True"
        in notes
    )
