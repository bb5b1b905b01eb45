"""Items of iterables for static outputs, and for several: their targets and masks stay as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays

T, B = 5, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(T, B, 3))
LABELS, ENDS = np.array([0, 2, 1, 1]), np.array([5, 2, 3, 1])
WEIGHTS, TAGS = np.array([0.5, 1.0, 0.0, 2.0]), RNG.normal(size=(T, B, 2))
VALUES = RNG.normal(size=(B, T, 3))  # of each sequence, with as many features as there are steps
CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()


def gru(out: rb.layers.Layer | None = None) -> rb.Graph:
    x = rb.Input(3, "x")
    h = rb.GRU(3, 4, dtype="float64", rng=0)(x)
    tag = rb.Dense(4, 2, dtype="float64", rng=1)(h)
    kind = rb.Dense(4, 3, dtype="float64", rng=2)(rb.Last()(h))
    return rb.Graph(x, kind if out is None else {"tag": out(tag), "kind": kind})


def heads() -> rb.Graph:
    return gru(rb.Identity())


ENDING, HEADS = gru(), heads()  # which no test changes


def turned(array: Any) -> Any:
    return np.ascontiguousarray(array.swapaxes(0, 1))


ONE: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "plain": ((X, LABELS), (None, None), {}),
    "turned": ((turned(X), LABELS), (None, None), {"batch_first": True}),
    "last": ((X, LABELS), (None, None), {"last": True}),
    "turned, last": ((turned(X), LABELS), (None, None), {"batch_first": True, "last": True}),
    "static": ((X, LABELS), (None, None), {"static": "target"}),
    "lengths": ((X, LABELS, ENDS), (None, ENDS), {}),
    "turned, lengths": ((turned(X), LABELS, ENDS), (None, ENDS), {"batch_first": True}),
    "last, lengths": ((X, LABELS, ENDS), (None, ENDS), {"last": True}),
    "weights": ((X, LABELS, WEIGHTS), (WEIGHTS, None), {}),
    "turned, weights": ((turned(X), LABELS, WEIGHTS), (WEIGHTS, None), {"batch_first": True}),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", ONE)
def test_a_target_of_each_sequence_is_that_of_a_static_output(name: str) -> None:
    item, (mask, lengths), options = ONE[name]
    expected = rb.evaluate(ENDING, X, LABELS, CE, mask=mask, lengths=lengths)[0]
    found = rb.evaluate(ENDING, rb.Batches([item], **options), CE, metrics=["accuracy"])
    assert found["loss"] == pytest.approx(expected, rel=1e-12)
    y = rb.predict(ENDING, X, lengths=lengths)[0].argmax(axis=-1)
    assert found["accuracy"] == pytest.approx(np.average(y == LABELS, weights=mask))


def test_fit_takes_them() -> None:
    expected = rb.bptt(gru(), X, LABELS, CE).loss
    assert rb.fit(gru(), [(X, LABELS)], CE, epochs=1).losses == [expected]
    data = rb.Batches([(turned(X), LABELS)], batch_first=True)
    assert rb.fit(gru(), data, CE, epochs=1, validation=data).losses == [expected]


def both(**options: Any) -> dict[str, Any]:
    return {"tag": TAGS, "kind": LABELS, **options}


SEVERAL: dict[str, tuple[Any, tuple[Any, ...], dict[str, Any]]] = {
    "plain": ((X, both()), (None, None), {}),
    "turned": ((turned(X), both(tag=turned(TAGS))), (None, None), {"batch_first": True}),
    "lengths": ((X, both(), ENDS), ({"tag": np.arange(T)[:, None] < ENDS}, ENDS), {}),
    "weights": ((X, both(), WEIGHTS), ({"tag": np.tile(WEIGHTS, (T, 1)), "kind": WEIGHTS}, None), {}),
    "in order": ((X, (TAGS, LABELS)), (None, None), {}),
    "a mask of one": ((X, both(), {"kind": WEIGHTS}), ({"kind": WEIGHTS}, None), {}),
    "a row of one": ((X, both(), {"tag": WEIGHTS}), ({"tag": np.tile(WEIGHTS, (T, 1))}, None), {}),
    "last": ((X, both(tag=TAGS[-1])), ({"tag": np.arange(T)[:, None] == np.full(B, T - 1)}, None), {"last": True}),
}  # fmt: skip


@pytest.mark.parametrize("name", SEVERAL)
def test_targets_by_output_are_placed_each_as_its_output(name: str) -> None:
    item, (mask, lengths), options = SEVERAL[name]
    losses = {"tag": MSE, "kind": CE}
    expected = rb.bptt(HEADS, X, both(), losses, mask=mask, lengths=lengths, dx=False).losses
    found = rb.evaluate(HEADS, rb.Batches([item], **options), losses)
    np.testing.assert_allclose(found["tag_loss"], expected["tag"], rtol=1e-12)
    np.testing.assert_allclose(found["kind_loss"], expected["kind"], rtol=1e-12)


def test_static_says_so_without_a_model() -> None:
    data = rb.Batches([({"x": turned(X)}, VALUES, ENDS)], batch_first=True, static=["target"])
    batch = next(iter(data))
    assert_same_arrays([batch.x["x"], batch.target, batch.lengths], [X, VALUES, ENDS])
    assert batch.mask is None
    named = rb.Batches([(turned(X), {"kind": VALUES})], batch_first=True, static="kind")
    assert_same_arrays([next(iter(named)).target["kind"]], [VALUES])


BAD: dict[str, tuple[Any, str]] = {
    "no model": (lambda: next(iter(rb.Batches([(X, LABELS)]))), r"last=True\), or static='target' where the output of the model is one for each"),
    "one of each step": (lambda: rb.fit(rb.GRU(3, 4), rb.Batches([(X, LABELS)]), MSE, epochs=1), r"say Batches\(..., last=True\)(\n|$)"),
    "another batch": (lambda: rb.fit(gru(), rb.Batches([(X, LABELS[:3])]), CE, epochs=1), "target axis 0, the batch, must have size 4 as in x, found shape"),
    "one for each step": (lambda: rb.fit(gru(), rb.Batches([(X, TAGS)]), CE, epochs=1), r"target axis 0, the batch, must have size 4 as in x, found shape \(5, 4, 2\); the output is static"),
    "one mask of all": (lambda: rb.fit(heads(), rb.Batches([(turned(X), both(tag=turned(TAGS)), np.ones((B, T)))], batch_first=True), {"tag": MSE, "kind": CE}, epochs=1), "Batches: mask is one for all outputs, and some have a target of each"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_does_not_fit_is_named(name: str) -> None:
    call, message = BAD[name]
    with pytest.raises(rb.ShapeError, match=message):
        call()
