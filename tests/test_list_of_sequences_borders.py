"""A list of sequences with labels, other features, options of a built optimizer: errors that cure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb

CROSS = rb.losses.CrossEntropy()
TAKES = [np.ones((n, 12), "float32") for n in (7, 9, 11)]
LABELS = np.array([1, 2, 0])


def classifier() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(12, 4, rng=0), rb.Dense(4, 3, rng=1))


def refusal(data: Any, error: type[Exception] = rb.ShapeError, **options: Any) -> Exception:
    with pytest.raises(error) as caught:
        rb.fit(classifier(), data, CROSS, epochs=1, **options)
    return caught.value


@pytest.mark.parametrize("kind", [int, np.int64, np.array])
def test_a_label_of_a_sequence_is_told_at_once(kind: Any) -> None:
    data = [(x, kind(label)) for x, label in zip(TAKES, LABELS, strict=True)]
    text = str(refusal(data))
    assert text.startswith("target is one number, with x of shape (7, 12): items are batches, ")
    assert "give Batches([(x[:, None], [label]) for x, label in ...], last=True), or" in text
    cured = rb.Batches([(x[:, None], [label]) for x, label in data], last=True)
    assert rb.fit(classifier(), cured, CROSS, epochs=1).steps == 3


@pytest.mark.parametrize(
    ("x", "how", "cure"),
    [
        (TAKES[0], {}, "Batches([(x[:, None], [label]) for x, label in ...], last=True)"),
        (TAKES[0][:, None], {}, "Batches([(x, [label]) for x, label in ...], last=True)"),
        (
            TAKES[0],
            {"batch_first": True},
            "Batches([(x[None], [label]) for x, label in ...], batch_first=True, last=True)",
        ),
    ],
)
def test_so_where_batches_know_more(x: Any, how: Any, cure: str) -> None:
    for last in (False, True):
        assert cure in str(refusal(rb.Batches([(x, 1)], last=last, **how)))
    labelled = [(x[None] if how else x.reshape(7, 1, 12), [1])]
    cured = rb.Batches(labelled, last=True, **how)
    assert rb.fit(classifier(), cured, CROSS, epochs=1).steps == 1


def test_targets_of_the_steps_of_one_sequence_are_not_those_of_seven() -> None:
    text = str(refusal([(TAKES[0], np.zeros(7, int))]))
    assert text.endswith("for one sequence give x[:, None] and target[:, None]")
    cured = [(TAKES[0][:, None], np.zeros((7, 1), int))]
    assert rb.fit(classifier(), cured, CROSS, epochs=1).steps == 1


def test_a_list_of_sequences_is_taken_as_the_help_shows() -> None:
    assert "rb.Sequences(several, labels, last=True" in str(rb.Sequences.__doc__)
    data = rb.Sequences(TAKES, LABELS, last=True, batch_size=2)
    assert rb.fit(classifier(), data, CROSS, epochs=1).steps == 2


# Other features


OTHER = np.ones((40, 11, 10), "float32")


def test_other_features_come_with_the_shape_of_x() -> None:
    error = refusal(rb.Sequences(OTHER, np.zeros(40, int), last=True, batch_size=8))
    expected = "LSTM(12, 4): input axis -1 must have size 12, found 10 in shape (11, 8, 10) of x; "
    assert str(error).startswith(expected)
    note = "Sequences: x has shape (40, 11, 10), its batches the axes (T, B, ...)"
    assert error.__notes__[0] == note


def test_so_outside_of_training() -> None:
    for call in (
        lambda: rb.predict(classifier(), OTHER.copy()),
        lambda: rb.bptt(classifier(), OTHER.copy(), np.zeros((40, 11), int), CROSS),
    ):
        with pytest.raises(rb.ShapeError, match=r"found 10 in shape \(40, 11, 10\) of x; give it"):
            call()
    with pytest.raises(rb.ShapeError, match=r"found 10 in shape \(\.\.\., 10\) of x; give it"):
        rb.backprop(rb.Dense(12, 3), OTHER[0], np.zeros(11, int), CROSS)


# Options of an optimizer that is built


def test_an_option_of_a_built_optimizer_has_its_place() -> None:
    model, data = classifier(), rb.Batches([(TAKES[0][:, None], [1])], last=True)
    with pytest.raises(TypeError) as caught:
        rb.fit(model, data, CROSS, rb.optim.Adam(model), frozen="0.*", epochs=1)
    assert str(caught.value) == (
        "fit: frozen belongs to Adam(model, frozen=...), since the optimizer is built already"
    )
    rb.fit(model, data, CROSS, rb.optim.Adam(model, frozen="0.*"), epochs=1)
    with pytest.raises(
        TypeError, match=r"^fit: SGD has no betas; it has momentum, .* built already"
    ):
        rb.fit(model, data, CROSS, rb.optim.SGD(model, 0.1), betas=(0.9, 0.9), epochs=1)
