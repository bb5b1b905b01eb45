"""What a resumed run compares: losses, rates and other functions."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.describe import Description
from rnnbp.train.described_values import UNKNOWN
from tests.resumed_models import DATA, refusal, trainer

# Functions


def squares(scale, power=2):
    """A loss of one's own: a closure."""
    return lambda y, target: (scale * float((y**power).sum()), scale * power * y ** (power - 1))


class Loss:
    def __init__(self, scale):
        self.scale = scale

    def __call__(self, y, target):
        return self.scale * float(y.sum()), np.full_like(y, self.scale)

    def summed(self, y, target):
        return self(y, target)


class Rate:
    def __init__(self, rate):
        self.rate = rate

    def at(self, step):
        return self.rate


FACTOR = 1.0


def by_global(y, target):
    return FACTOR * float(y.sum()), np.full_like(y, FACTOR)


def other_code(y, target):
    return float((-y).sum()), -np.ones_like(y)


def one(y, target):
    return float(y.sum()), np.ones_like(y)


other_code.__qualname__ = other_code.__name__ = one.__qualname__ = one.__name__ = "mine"

LOSSES = {
    "closure": (lambda: squares(1.0), lambda: squares(2.0), "loss scale was '1.0', is '2.0'"),
    "arguments": (
        lambda: functools.partial(one),
        lambda: functools.partial(one, target=None),
        "loss target was",
    ),
    "partial": (lambda: squares(1.0, 2), lambda: squares(1.0, 4), "loss power was '2', is '4'"),
    "object": (lambda: Loss(1.0), lambda: Loss(2.0), "loss scale was '1.0', is '2.0'"),
    "method": (
        lambda: Loss(1.0).summed,
        lambda: Loss(2.0).summed,
        "loss of scale was '1.0', is '2.0'",
    ),
    "code": (lambda: one, lambda: other_code, "loss code was"),
}


@pytest.mark.parametrize("case", LOSSES)
def test_loss_functions_are_compared(tmp_path, case):
    before, after, message = LOSSES[case]
    found = refusal(
        tmp_path, lambda f: trainer(f, loss=before()), lambda f: trainer(f, loss=after())
    )
    assert message in found
    assert trainer(tmp_path, loss=before()).resume().at.step == 1, "an equal one goes on"


def test_a_global_value_that_a_loss_names_is_compared(tmp_path, monkeypatch):
    trainer(tmp_path, loss=by_global).fit(DATA, steps=1)
    trainer(tmp_path, loss=by_global).resume()
    monkeypatch.setitem(globals(), "FACTOR", 2.0)
    with pytest.raises(ValueError, match=r"loss FACTOR was '1\.0', is '2\.0'"):
        trainer(tmp_path, loss=by_global).resume()


def test_what_cannot_be_compared_is_said_and_can_be_taken_for_equal(tmp_path):
    stream = (k for k in range(3))

    def loss(y, target):
        return float(y.sum()) + 0 * (stream is None), np.ones_like(y)

    trainer(tmp_path, loss=loss).fit(DATA, steps=1)
    with pytest.raises(ValueError, match="loss stream cannot be compared: it is a generator"):
        trainer(tmp_path, loss=loss).resume()
    assert trainer(tmp_path, loss=loss).resume(override=("loss",)).at.step == 1


@pytest.mark.parametrize(
    "rates",
    [
        (lambda step: 0.1, lambda step: 0.2),
        (rb.optim.Cosine(1e-2, 50), rb.optim.Cosine(1e-2, 100)),
        (rb.optim.WarmUp(lambda step: 0.1, 3), rb.optim.WarmUp(lambda step: 0.1 + step, 3)),
        (Rate(0.1).at, Rate(0.2).at),
    ],
    ids=["lambda", "cosine", "nested", "method"],
)
def test_rates_are_compared(tmp_path, rates):
    def run(k):
        return lambda f: trainer(f, learning_rate=rates[k])

    assert "learning_rate" in refusal(tmp_path, run(0), run(1))


@pytest.mark.parametrize("text", ["<f at 0x7f00aa>", "<f at 0x000001F2B3C4D5E6>"])
def test_addresses_do_not_count(text):
    from rnnbp.train.identity import shown

    shaped = type("Shaped", (), {"__repr__": lambda self: text})()
    assert shown(shaped) == "<f>"


def test_what_is_nested_without_end_is_described():
    endless = []
    endless.append(endless)
    found = Description()
    found.add("x", endless)
    assert found.lines == {"x": "list of 1", "x[0]": "the same as x"}
    deep = []
    for _ in range(10_000):
        deep = [deep]
    found.add("deep", deep)
    assert any(line.startswith(UNKNOWN) for line in found.lines.values())
