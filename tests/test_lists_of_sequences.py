"""Lists of sequences in predict, of one length or of several; names of outputs in losses, figures and
monitors; lengths and resets that are something else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

MSE, CROSS = rb.losses.MeanSquaredError(), rb.losses.CrossEntropy()
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 2))
RAGGED = [row[:n] for row, n in zip(X, (6, 3, 5, 1), strict=True)]


def net(*tail: rb.layers.Layer) -> rb.Sequential:
    return rb.Sequential(rb.GRU(2, 2, dtype="float64", rng=0), *tail)


def noted() -> rb.Graph:
    x, s = rb.Input(2, "x"), rb.Input(1, "s", per="sequence")
    return rb.Graph((x, s), rb.GRU(3, 2, dtype="float64", rng=0)(rb.Concat(2, 1)(x, s)))


@pytest.mark.quick
@pytest.mark.parametrize("rows", [RAGGED, [*X], [*X[:1]]])
def test_a_list_of_arrays_is_one_of_sequences(rows: list[np.ndarray]) -> None:
    alone = [rb.predict(net(), row[:, None])[0][:, 0] for row in rows]
    trainer = rb.Trainer(net(), "adam", MSE)
    for found in (
        rb.predict(net(), rows),
        trainer.predict(rows),
        rb.predict(net(), rb.Sequences(rows, None, batch_size=3)),
    ):
        assert [*map(np.shape, found)] == [*map(np.shape, alone)]
        for y, expected in zip(found, alone, strict=True):
            np.testing.assert_allclose(y, expected, rtol=1e-12)
    last = rb.predict(net(rb.Last()), rows)
    np.testing.assert_allclose(last, [y[-1] for y in alone], rtol=1e-12)


def test_a_list_of_numbers_is_an_array() -> None:
    y = rb.predict(net(), X.swapaxes(0, 1))[0]
    np.testing.assert_array_equal(rb.predict(net(), X.swapaxes(0, 1).tolist())[0], y)


@pytest.mark.parametrize("rows", [RAGGED, [*X]])
def test_several_inputs_are_lists_too(rows: list[np.ndarray]) -> None:
    s = RNG.normal(size=(4, 1))
    expected = [rb.predict(noted(), (row[:, None], s[k : k + 1]))[0][:, 0] for k, row in enumerate(rows)]  # fmt: skip
    for given in ({"x": rows, "s": s}, (rows, s)):
        for y, own in zip(rb.predict(noted(), given), expected, strict=True):
            np.testing.assert_allclose(y, own, rtol=1e-12)


@pytest.mark.parametrize("first", [False, True])
def test_a_time_first_list_has_its_sequences_first(first: bool) -> None:
    data = rb.Sequences([*X], None, batch_size=4, shuffle=False, batch_first=first)
    np.testing.assert_array_equal(data.batch(0, 0).x, X.swapaxes(0, 1))


# Outputs by name


TAGS, KINDS = RNG.integers(0, 2, (4, 6)), RNG.integers(0, 3, 4)


def heads() -> rb.Graph:
    x = rb.Input(2)
    h = rb.GRU(2, 2, dtype="float64", rng=0)(x)
    each, one = rb.Dense(2, 2, dtype="float64", rng=1), rb.Dense(2, 3, dtype="float64", rng=2)
    return rb.Graph(x, {"tag": each(h), "kind": one(rb.Last()(h))})


def data() -> rb.Sequences:
    return rb.Sequences(X, {"tag": TAGS, "kind": KINDS}, batch_size=2)


@pytest.mark.parametrize("form", [tuple, list])
def test_losses_in_order_get_the_names_of_outputs(form: Any) -> None:
    losses, by_name = form([CROSS, (0.5, CROSS)]), {"tag": CROSS, "kind": 0.5 * CROSS}
    given = {"metrics": {"tag": ["accuracy"]}, "validation": data(), "monitor": "val_tag_loss"}
    found = rb.fit(heads(), data(), losses, epochs=1, **given)
    expected = rb.fit(heads(), data(), by_name, epochs=1, **given)
    assert dict(found.metrics) == dict(expected.metrics)
    assert found.best == expected.best
    assert rb.evaluate(heads(), data(), losses) == rb.evaluate(heads(), data(), by_name)
    trainer = rb.Trainer(heads(), "adam", by_name)
    trainer.loss = losses
    assert [*trainer.loss] == ["tag", "kind"]


MONITORS = {
    "accuracy of one": ("val_accuracy", {"tag": ["accuracy"]}, "of several outputs give monitor='val_tag_accuracy'"),
    "of two": ("val_accuracy", {"tag": ["accuracy"], "kind": ["accuracy"]}, "give monitor='val_tag_accuracy' or 'val_kind_accuracy'"),
    "in training": ("accuracy", {"tag": ["accuracy"]}, "give monitor='tag_accuracy'"),
    "of another output": ("val_kind_accuracy", {"tag": ["accuracy"]}, r"give metrics=\{'kind': \['accuracy'\]\} too, and monitor='val_kind_accuracy'"),
    "without metrics": ("val_acc", (), r"give metrics=\{'tag': \['accuracy'\]\} too, and monitor='val_tag_accuracy'"),
}  # fmt: skip


@pytest.mark.parametrize("case", MONITORS)
def test_a_monitor_without_its_output(case: str) -> None:
    monitor, metrics, cure = MONITORS[case]
    losses = {"tag": CROSS, "kind": CROSS}
    with pytest.raises(ValueError, match=cure):
        rb.Trainer(heads(), "adam", losses, monitor=monitor, metrics=metrics, validation=data())


# What is something else


TIME = X.swapaxes(0, 1)
WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "lengths of a list": (lambda: rb.predict(net(), RAGGED, lengths=[6, 3, 5, 1]), TypeError, "^predict: lengths cannot be given with a list of sequences, whose ends are their own"),
    "a mask of a list": (lambda: rb.predict(net(), [*X], mask=np.ones((6, 4))), TypeError, "mask cannot be given with a list"),
    "evaluate": (lambda: rb.evaluate(net(), [*X], [*X], MSE), TypeError, r"x is a list of sequences; give evaluate\(model, Sequences\(x, target"),
    "a mask as lengths": (lambda: rb.predict(net(), TIME, lengths=np.ones((6, 4), bool)), rb.ShapeError, r"lengths is a mask, bool of shape \(6, 4\), .* give mask.sum\(axis=0\)"),
    "numbers of steps": (lambda: rb.predict(net(), TIME, reset=np.array([2, 4])), rb.ShapeError, r"reset = np.zeros\(\(6, 4\), bool\), and reset\[numbers\] = True"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_something_else_is_told(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()
