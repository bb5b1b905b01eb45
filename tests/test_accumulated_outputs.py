"""Several batches in an update of several outputs: that of one batch of all their rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.ragged import LENGTHS, TARGETS, N, X, labels

CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
LOSSES: dict[str, Any] = {
    "plain": {"tag": (0.5, MSE), "class": CE},
    "in order": (0.5 * MSE, CE),
    "penalised": {"tag": MSE + rb.losses.L2(0.1, "*weight*"), "class": 0.3 * CE},
    "per step": {"tag": rb.losses.PerStep(lambda y, t: ((y - t) ** 2, 2 * (y - t))), "class": CE},
    "one": {"tag": None, "class": CE},
}
WEIGHTS = np.array(
    [0.0, 2.0, 0.0, 0.5, 1.0, 0.0, 0.0, 0.0, 3.0, 1.0]
)  # one batch of three has none
METRICS = {"tag": ["mse"], "class": ["accuracy"]}
OF = dict.fromkeys(LOSSES, METRICS) | {"one": {"class": ["accuracy"]}}


def heads() -> rb.Graph:
    x = rb.Input(3, name="x")
    h = rb.GRU(3, 4, dtype="float64", rng=0)(x)
    tag = rb.Dense(4, 2, dtype="float64", rng=3)(h)
    label = rb.Dense(4, 3, dtype="float64", rng=4)(rb.Last()(h))
    return rb.Graph(x, {"tag": tag, "class": label})


def data(size: int, **options: Any) -> rb.Sequences:
    target = {"tag": TARGETS, "class": labels()}
    return rb.Sequences(
        X, target, mask={"class": WEIGHTS}, shuffle=False, batch_size=size, **options
    )


def fitted(loss: Any, size: int, given: Any = None, **options: Any) -> tuple[rb.Graph, Any]:
    model = heads()
    sgd = rb.optim.SGD(model, 0.1)
    how = {"epochs": 1, "metrics": METRICS, "accumulate": -(-N // size)} | options
    return model, rb.fit(model, given or data(size), loss, sgd, **how)


@pytest.mark.quick
@pytest.mark.parametrize("name", LOSSES)
def test_an_update_of_several_batches_is_that_of_their_rows(name: str) -> None:
    loss = LOSSES[name]
    one, whole = fitted(loss, N, metrics=OF[name])
    several, parts = fitted(loss, 3, metrics=OF[name])
    np.testing.assert_allclose(parts.losses, whole.losses, rtol=1e-12)
    assert list(parts.metrics) == list(whole.metrics)
    for key, figures in whole.metrics.items():
        np.testing.assert_allclose(parts.metrics[key], figures, rtol=1e-12, err_msg=key)
    for key, p in one.params.items():
        np.testing.assert_allclose(several.params[key], p, rtol=1e-12, atol=1e-15, err_msg=key)


def test_equal_batches_and_iterators_have_the_bits_of_their_source() -> None:
    batches = [data(3).batch(0, k) for k in range(4)]
    loss = LOSSES["plain"]
    expected = fitted(loss, 3)[1]
    found = fitted(loss, 3, iter(batches))[1]
    assert (found.losses, found.metrics) == (expected.losses, expected.metrics)
    first = Batch(batches[0].x, batches[0].target, lengths=LENGTHS[:3])
    twice = fitted(loss, 3, [first, first], accumulate=2)[1]
    np.testing.assert_allclose(twice.losses, fitted(loss, 3, [first])[1].losses, rtol=1e-15)


def test_batches_without_weight_change_nothing() -> None:
    none = {"tag": np.zeros(N), "class": np.zeros(N)}
    empty = [
        rb.Sequences(X, {"tag": TARGETS, "class": labels()}, mask=none, batch_size=N).batch(0, 0)
    ]
    loss = LOSSES["plain"]
    expected = fitted(loss, N, [data(N).batch(0, 0)])[1].losses
    assert fitted(loss, N, [*empty, data(N).batch(0, 0)], accumulate=2)[1].losses == expected
    assert fitted(loss, N, [*empty, *empty], accumulate=2)[1].weightless == 1


def test_an_error_names_the_batch() -> None:
    good = data(3).batch(0, 0)
    bad = Batch(good.x, good.target | {"class": labels()[:2]}, good.mask, lengths=good.lengths)
    with pytest.raises(rb.ShapeError, match="output 'class'") as caught:
        fitted(LOSSES["plain"], 3, [good, bad])
    assert "in number 2 of the batches of this update" in caught.value.__notes__
