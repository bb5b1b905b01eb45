"""Errors of a value in a batch name the sequence, and the element of the array that the user gave."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb

N, T = 20, 12
X = np.random.default_rng(0).normal(size=(N, T, 3)).astype("float32")
LENGTHS = np.random.default_rng(1).integers(4, T, N)
STEPS, ROWS = np.zeros((N, T), int), np.zeros(N, int)
CROSS = rb.losses.CrossEntropy()


def classifier():
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))


def changed(array, place, value):
    found = array.copy()
    found[place] = value
    return found


def row_of(source, number):
    order = np.concatenate([batch.x[0, :, 0] for batch in source])
    return int(np.flatnonzero(order == X[number, 0, 0])[0]) % source.batch_size


def notes_of(call, *args, **options):
    with pytest.raises((ValueError, IndexError)) as caught:
        call(*args, **options)
    return caught.value.__notes__


def in_training(source, **options):
    return notes_of(rb.fit, classifier(), source, CROSS, epochs=1, **options)


LABELS = rb.Sequences(X, changed(ROWS, 13, 2), lengths=LENGTHS, last=True, batch_size=4)
SOURCES = [
    (LABELS, "target[13]"),
    (rb.Sequences(X, changed(STEPS, (13, 7), 2), batch_size=4), "target[13, 7]"),
    (rb.Sequences(X, changed(STEPS, (13, 7), -1), batch_size=4), "target[13, 7]"),
    (
        rb.Sequences(
            X.swapaxes(0, 1), changed(STEPS, (13, 7), 2).T, batch_size=4, batch_first=False
        ),
        "target[7, 13]",
    ),
    (rb.Sequences(X, STEPS, mask=changed(STEPS + 1.0, (13, 7), -1), batch_size=4), "mask[13, 7]"),
    (rb.Sequences(changed(X, (13, 7), np.nan), ROWS, last=True, batch_size=4), "x[13, 7]"),
]


@pytest.mark.parametrize(("source", "element"), SOURCES)
def test_a_bad_value_is_traced_to_its_sequence_and_element(source, element):
    note = f"row {row_of(source, 13)} of the batch is sequence 13: see {element}"
    assert note in in_training(source)
    assert note in in_training(source, accumulate=2)
    assert note in notes_of(rb.evaluate, classifier(), source, CROSS)


def test_of_long_sequences_steps_are_of_the_whole_sequence():
    target = changed(np.zeros((2, 70_000), int), (1, 69_000), 5)
    source = rb.Sequences(np.zeros((2, 70_000, 1), "float32"), target, batch_size=2, shuffle=False)
    model = rb.Dense(1, 2)
    notes = notes_of(rb.fit, model, source, CROSS, epochs=1)
    assert "row 1 of the batch is sequence 1: see target[1, 69000]" in notes


def test_a_label_of_an_example_and_of_an_item_with_a_label_a_sequence():
    examples = rb.Examples(X[:, 0], changed(ROWS, 13, 2), batch_size=4, shuffle=False)
    notes = notes_of(rb.fit, rb.Dense(3, 2), examples, CROSS, epochs=1)
    assert "row 1 of the batch is example 13: see target[13]" in notes
    items = rb.Batches([(X, changed(ROWS, 13, 2))], batch_first=True, last=True)
    assert "row 13 of the batch: see its target[13]" in in_training(items)


def test_a_label_of_a_stream_of_windows_has_its_step():
    target = changed(STEPS, (13, 7), 2).reshape(-1)
    windows = rb.Windows(X.reshape(-1, 3), target, horizon=10, batch_size=4)
    step = 13 * T + 7
    lane, at = divmod(step, N * T // 4)
    note = f"step {at % 10} of row {lane} of the batch is step {step} of the stream"
    assert note in in_training(windows)


def test_a_symbol_out_of_range_is_traced():
    symbols = rb.Sequences(changed(STEPS, (13, 7), 9), STEPS, batch_size=4, shuffle=False)
    model = rb.Sequential(rb.Embedding(5, 3), classifier())
    for call in (
        lambda: rb.fit(model, symbols, CROSS, epochs=1),
        lambda: rb.predict(model, symbols),
    ):
        assert "row 1 of the batch is sequence 13" in notes_of(call)


def test_probabilities_out_of_range_are_traced():
    model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 1, rng=1))
    target = changed(np.zeros((N, T, 1)), (13, 7), 3)
    source = rb.Sequences(X, target, batch_size=4, shuffle=False)
    notes = notes_of(rb.fit, model, source, rb.losses.BinaryCrossEntropy(), epochs=1)
    assert "row 1 of the batch is sequence 13: see target[13, 7]" in notes
