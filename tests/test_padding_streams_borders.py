"""Padding with NaN in streams, without Recurrents, in predict, and before a weighted step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_bits
from tests.padded import LENGTHS, MASK, MSE, B, T, net, padded, reals

X, Y = reals(T, B, 3), reals(T, B, 1)
CE = rb.losses.CrossEntropy()


def stream(array: np.ndarray, *, size: int = 3) -> Iterator[np.ndarray]:
    return (array[k : k + size].copy() for k in range(0, len(array), size))


HOW: dict[str, Callable[..., tuple[Any, Any, Any]]] = {
    "x": lambda x, y, mask: (stream(x), y, mask),
    "the mask": lambda x, y, mask: (x, y, stream(mask)),
    "all": lambda x, y, mask: (stream(x), stream(y, size=2), stream(mask, size=4)),
    "all, the mask first": lambda x, y, mask: (stream(x, size=1), stream(y), stream(mask, size=T)),
}
OPTIONS: dict[str, dict[str, Any]] = {
    "all": {"chunk": 4},
    "of known length": {"chunk": 4, "checkpoint": "sqrt", "steps": T},
    "online": {"chunk": 2, "checkpoint": rb.schedules.Online(2)},
}


def fitting(how: str, options: str) -> dict[str, Any]:
    """Options for a run; x that is an array has its own length, and no gradient by x here."""
    found = {**OPTIONS[options], "dx": False}
    return {k: v for k, v in found.items() if k != "steps" or how != "the mask"}


@pytest.mark.long
@pytest.mark.one_in(8)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("how", HOW)
def test_streams_have_the_bits_of_zeros(how: str, options: str, value: float) -> None:
    chosen = fitting(how, options)
    expected = rb.bptt(
        net(), padded(X, 0), padded(Y, 0), MSE, mask=MASK, chunk=chosen["chunk"], dx=False
    )
    x, y, mask = HOW[how](padded(X, value), padded(Y, value), MASK)
    assert_same_bits(rb.bptt(net(), x, y, MSE, mask=mask, **chosen), expected)
    x, y, mask = HOW[how](padded(X, value), padded(Y, value), MASK)
    found = rb.evaluate(net(), x, y, MSE, mask=mask, chunk=chosen["chunk"])
    assert found[0] == pytest.approx(
        rb.evaluate(net(), padded(X, 0), padded(Y, 0), MSE, mask=MASK)[0], rel=1e-6
    )


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("value", [-1, 99])
def test_symbols_in_streams(how: str, value: int) -> None:
    model = rb.Sequential(rb.Embedding(6, 4, rng=0), rb.LSTM(4, 5, rng=1), rb.Dense(5, 6, rng=2))
    s = np.random.default_rng(0).integers(0, 6, (T, B))
    expected = rb.bptt(model, padded(s, 0), padded(s, 0), CE, mask=MASK, chunk=4)
    x, y, mask = HOW[how](padded(s, value), padded(s, value), MASK)
    assert_same_bits(rb.bptt(model, x, y, CE, mask=mask, chunk=4), expected)


def early(last: int = LENGTHS[1] + 4) -> np.ndarray:
    """A mask that looks at sequence 1 once more, after padding."""
    mask = MASK.copy()
    mask[last, 1] = True
    return mask


@pytest.mark.one_in(2)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("how", HOW)
def test_a_later_step_with_weight_is_refused(how: str, options: str) -> None:
    x, y, mask = HOW[how](padded(X, np.nan), Y, early())
    with pytest.raises(
        ValueError, match=r"at \[3, 1, 0\].*carry it|step 3 of sequence 1.*at step 7.*carry it"
    ):
        rb.bptt(net(), x, y, MSE, mask=mask, **fitting(how, options))
    x, y, mask = HOW[how](padded(X, np.nan), Y, early())
    with pytest.raises(ValueError, match="carry it"):
        rb.evaluate(net(), x, y, MSE, mask=mask, chunk=2)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("how", HOW)
def test_a_later_step_of_the_last_chunk_is_refused(how: str, options: str) -> None:
    x, mask = X.copy(), np.ones((T, B), bool)
    x[T - 2, 2, 1], mask[T - 2, 2] = np.nan, False
    given = HOW[how](x, Y, mask)
    with pytest.raises(
        ValueError, match=r"at \[9, 2, 1\].*carry it|step 9 of sequence 2.*at step 10.*carry it"
    ):
        rb.bptt(net(), given[0], given[1], MSE, mask=given[2], **fitting(how, options))


@pytest.mark.parametrize("how", ["x", "all"])
def test_symbols_before_a_step_with_weight_are_refused(how: str) -> None:
    model = rb.Sequential(rb.Embedding(6, 4, rng=0), rb.LSTM(4, 5, rng=1), rb.Dense(5, 6, rng=2))
    s = np.random.default_rng(0).integers(0, 6, (T, B))
    x, y, mask = HOW[how](padded(s, -1), s, early())
    with pytest.raises((ValueError, IndexError), match="carry it"):
        rb.bptt(model, x, y, CE, mask=mask, chunk=4)


def test_padding_at_the_beginning_says_what_to_do() -> None:
    mask = MASK[::-1]
    match = (
        r"x is nan at \[0, 1, 0\].*last step of its sequence that has weight, since before that "
        "the state would carry it on: move padding there, or put 0 in its place$"
    )
    with pytest.raises(ValueError, match=match):
        rb.bptt(net(), padded(X, np.nan, mask), Y, MSE, mask=mask)
    zeros = rb.bptt(net(), padded(X, 0, mask), Y, MSE, mask=mask)
    assert np.isfinite(zeros.loss)


@pytest.mark.parametrize("pieces", [{}, {"as_stream": True}])
def test_without_recurrents_any_masked_step_may_hold_anything(pieces: dict[str, bool]) -> None:
    model = rb.Sequential(rb.Dense(3, 4, rng=0), rb.Tanh(), rb.Dense(4, 1, rng=1))
    mask = np.random.default_rng(1).random((T, B)) < 0.6
    expected = rb.bptt(model, padded(X, 0, mask), padded(Y, 0, mask), MSE, mask=mask, chunk=4)
    x, y = padded(X, np.nan, mask), padded(Y, np.nan, mask)
    assert_same_bits(rb.bptt(model, x, y, MSE, mask=mask, chunk=4), expected)
    found = rb.backprop(model, x[0], y[0], MSE, mask=mask[0])
    assert (
        found.loss
        == rb.backprop(model, padded(X, 0, mask)[0], padded(Y, 0, mask)[0], MSE, mask=mask[0]).loss
    )
    assert rb.evaluate(model, x, y, MSE, mask=mask)[0] == pytest.approx(expected.loss, rel=1e-6)
    with pytest.raises(ValueError, match=r"x is nan"):
        rb.bptt(model, x, y, MSE, mask=np.ones((T, B), bool))


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_predict_takes_a_mask(value: float) -> None:
    model = net()
    expected, after = rb.predict(model, padded(X, 0))
    found, state = rb.predict(model, padded(X, value), mask=MASK)
    np.testing.assert_array_equal(found, expected)
    for one, other in zip(state, after, strict=True):
        for p, q in zip(one, other, strict=True):
            np.testing.assert_array_equal(p, q)
    np.testing.assert_array_equal(rb.predict(model, X, mask=MASK)[0], rb.predict(model, X)[0])
    for wrong, kind in (
        (MASK[:-1], rb.ShapeError),
        (MASK - 1.0, ValueError),
        ("mask", rb.DtypeError),
    ):
        with pytest.raises(kind, match=r"mask|weights"):
            rb.predict(model, X, mask=wrong)
    with pytest.raises(ValueError, match="carry it"):
        rb.predict(model, padded(X, value), mask=early())


class Padded:
    """A source of streams, padded with a value."""

    batches_per_epoch, fingerprint = 2, "padded"

    def __init__(self, value: float) -> None:
        self.value = value

    def batch(self, epoch: int, index: int) -> Any:
        x, y = padded(X, self.value) * (index + 1), padded(Y, self.value)
        return rb.train.Batch(stream(x), stream(y), stream(MASK), fresh=True)  # type: ignore[arg-type]


def test_training_on_padded_streams() -> None:
    params = []
    for value in (0.0, np.nan):
        model = net()
        rb.fit(model, Padded(value), MSE, "adam", epochs=3)
        params.append(model.params)
    for name, p in params[0].items():
        np.testing.assert_array_equal(p, params[1][name])
