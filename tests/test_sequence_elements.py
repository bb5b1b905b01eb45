"""Sequences with masks of single elements, and with lengths of each time axis."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays
from tests.ragged import LENGTHS, RNG, STEPS, TARGETS, N, X, padded

MSE, CE = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
PARTS = [RNG.random((n, 2)) < 0.7 for n in LENGTHS]
INPUT, TARGET, PART = padded(X, np.nan), padded(TARGETS, np.nan), padded(PARTS, True)
ENDS = RNG.normal(size=(N, 2))


def both() -> rb.Graph:
    """Both directions."""
    return rb.Bidirectional(
        rb.GRU(3, 2, dtype="float64", rng=0), rb.GRU(3, 2, dtype="float64", rng=1)
    )


TAGGER = rb.Sequential(both(), rb.Dense(4, 2, dtype="float64", rng=2))
FORWARD = rb.Sequential(rb.GRU(3, 2, dtype="float64", rng=2))
ENDING = rb.Sequential(both(), rb.MeanOverTime(), rb.Dense(4, 2, dtype="float64", rng=2))
LISTED: dict[str, Any] = {"x": X, "target": TARGETS, "mask": PARTS}
PADDED: dict[str, Any] = {"x": INPUT, "target": TARGET, "mask": PART, "lengths": LENGTHS}
TURNED = {key: a if a.ndim == 1 else a.swapaxes(0, 1) for key, a in PADDED.items()}
HOW: dict[str, Any] = {
    "lists": LISTED,
    "padded": PADDED,
    "by length": PADDED | {"by_length": True},
    "turned": TURNED | {"batch_first": False},
}


@pytest.mark.quick
@pytest.mark.parametrize("model", [TAGGER, FORWARD])
@pytest.mark.parametrize("name", HOW)
def test_a_mask_of_elements_counts_those_of_weight(model: rb.Graph, name: str) -> None:
    each = [rb.predict(model, x[:, None])[0][:, 0] for x in X]
    for one, own in zip(
        rb.predict(model, rb.Sequences(**HOW[name], batch_size=4)), each, strict=True
    ):
        np.testing.assert_allclose(one[: len(own)], own, rtol=1e-12)
    y = np.concatenate(each)
    kept = np.concatenate(PARTS)
    expected = ((y - np.concatenate(TARGETS)) ** 2)[kept].mean()
    found = rb.evaluate(model, rb.Sequences(**HOW[name], batch_size=4), MSE, metrics=["mae"])
    assert found["loss"] == pytest.approx(expected, rel=1e-12)
    assert found["mae"] == pytest.approx(
        np.abs(y - np.concatenate(TARGETS))[kept].mean(), rel=1e-12
    )


def test_of_static_outputs_too() -> None:
    known = RNG.random((N, 2)) < 0.5
    data = rb.Sequences(X, ENDS, mask=known, batch_size=4)
    y = rb.predict(ENDING, data)
    found = rb.evaluate(ENDING, data, MSE)["loss"]
    assert found == pytest.approx(((y - ENDS) ** 2)[known].mean(), rel=1e-12)
    history = rb.fit(
        deepcopy(ENDING), rb.Sequences(X, ENDS, mask=known, batch_size=N), MSE, epochs=1
    )
    assert history.losses == pytest.approx([found], rel=1e-12)


def test_windows_have_them() -> None:
    x, t, m = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 2)), RNG.random((12, 2)) < 0.7
    y = rb.predict(FORWARD, x[:, None])[0][:, 0]
    found = rb.evaluate(FORWARD, rb.Windows(x, t, mask=m, horizon=5, batch_size=1), MSE)
    assert found["loss"] == pytest.approx(((y - t) ** 2)[m].mean(), rel=1e-12)
    joined = {"join": True, "horizon": 3, "batch_size": 1}
    found = rb.evaluate(FORWARD, rb.Windows([x], [t], mask=[m], **joined), MSE)
    assert found["loss"] == pytest.approx(((y - t) ** 2)[m].mean(), rel=1e-12)


BAD: dict[str, tuple[Any, str]] = {
    "of classes": (lambda: rb.Sequences(INPUT, np.zeros((N, STEPS), int), mask=PART, batch_size=4), r"mask must have shape \(N, T\), a weight for each step, found shape"),
    "of other elements": (lambda: rb.Sequences(INPUT, TARGET, mask=np.ones((N, STEPS, 3)), batch_size=4), r"mask must have shape \(N, T\)"),
    "at the last step": (lambda: rb.Sequences(INPUT, ENDS, mask=PART, last=True, batch_size=4), r"mask must have shape \(N, T\)"),
    "of each": (lambda: rb.Sequences(X, ENDS, mask=np.ones((N, 3)), batch_size=4), r"mask must have shape \(N,\), a weight for each sequence"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_mask_that_has_not_the_targets_shape_is_refused(name: str) -> None:
    with pytest.raises(rb.ShapeError, match=BAD[name][1]):
        BAD[name][0]()


# Lengths of each time axis

SOURCE = [RNG.normal(size=(n + 2, 2)) for n in LENGTHS[::-1]]
GIVEN = {"source": padded(SOURCE, np.nan), "before": INPUT}
BY_INPUT = {"source": LENGTHS[::-1] + 2, "before": LENGTHS}


def translator() -> rb.Graph:
    source, before = rb.Input(2, "source", axis="source"), rb.Input(3, "before")
    _, state = rb.GRU(2, 3, dtype="float64", rng=0)(source, return_state=True)
    h = rb.GRU(3, 3, dtype="float64", rng=1)(before, state=state)
    return rb.Graph((source, before), rb.Dense(3, 2, dtype="float64", rng=2)(h))


@pytest.mark.parametrize("options", [{}, {"by_length": True}])
def test_padded_arrays_end_each_at_their_own(options: Any) -> None:
    model = translator()
    listed = rb.Sequences({"source": SOURCE, "before": X}, TARGETS, batch_size=3)
    data = rb.Sequences(GIVEN, TARGET, lengths=BY_INPUT, batch_size=3, **options)
    for one, other in zip(rb.predict(model, data), rb.predict(model, listed), strict=True):
        np.testing.assert_allclose(one[: len(other)], other, rtol=1e-12)
    expected = rb.evaluate(model, listed, MSE)["loss"]
    assert rb.evaluate(model, data, MSE)["loss"] == pytest.approx(expected, rel=1e-12)
    fitted = rb.fit(
        model, rb.Sequences(GIVEN, TARGET, lengths=BY_INPUT, batch_size=N), MSE, epochs=1
    )
    assert fitted.losses == pytest.approx([expected], rel=1e-12)


def test_one_of_two_axes_may_end() -> None:
    whole = RNG.normal(size=(N, 4, 2))
    data = rb.Sequences({"source": whole, "before": INPUT}, TARGET, lengths={"before": LENGTHS}, batch_size=4, shuffle=False)  # fmt: skip
    batch = data.batch(0, 0)
    assert_same_arrays([batch.lengths["before"]], [LENGTHS[:4]])
    assert list(batch.lengths) == ["before"]
    y = rb.predict(translator(), data)
    for k in range(3):
        expected = rb.predict(translator(), (whole[k][:, None], X[k][:, None]))[0][:, 0]
        np.testing.assert_allclose(y[k][: len(expected)], expected, rtol=1e-12)


def test_inputs_of_one_axis_share_them() -> None:
    given = {"a": INPUT, "b": INPUT[..., :1]}
    data = rb.Sequences(given, TARGET, lengths={"b": LENGTHS}, batch_size=4, shuffle=False)
    assert_same_arrays([data.batch(0, 0).lengths], [LENGTHS[:4]])
    one = rb.Sequences(INPUT, TARGET, lengths={"time": LENGTHS}, batch_size=4, shuffle=False)
    assert_same_arrays([one.batch(0, 0).lengths], [LENGTHS[:4]])


WRONG: dict[str, tuple[Any, Any, type[Exception], str]] = {
    "one for two": (GIVEN, LENGTHS, TypeError, "lengths are for one number of steps, .* lengths=.'source': ..., 'before': "),
    "no input": (GIVEN, {"befor": LENGTHS}, ValueError, r"lengths has 'befor', which is no input of x \(did you mean 'before'"),
    "too long": (GIVEN, {"before": LENGTHS + 1}, ValueError, r"lengths\['before'\]\[2\] is 10, which must lie in \[1, 9\]"),
    "others": (GIVEN, {"source": LENGTHS[:3]}, rb.ShapeError, r"lengths\['source'\] must have shape \(10,\)"),
    "a list": ({"source": SOURCE, "before": INPUT}, {"source": LENGTHS}, ValueError, "'source', which is a list, whose items have theirs; give those of 'before'"),
    "several of one": (INPUT, {"a": LENGTHS, "b": LENGTHS}, TypeError, "lengths is a dict of 2, 'a', 'b', and x is one input"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_lengths_that_do_not_fit_are_named(name: str) -> None:
    x, lengths, error, message = WRONG[name]
    with pytest.raises(error, match=message):
        rb.Sequences(x, None, lengths=lengths, batch_size=4)
