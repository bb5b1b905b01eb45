"""Sequences of several lengths: each error has the line that pads them, and it works."""

import re

import numpy as np
import pytest

import rnnbp as rb

rng = np.random.default_rng(0)
SEVERAL = [rng.normal(size=(n, 3)).astype("float32") for n in (5, 9, 7, 5)]
SYMBOLS = [[1, 2, 3], [1, 2], [0, 1, 2, 3], [2]]
LABELS = np.array([0, 1, 1, 0])


def pasted(error, **names):
    """What the line of code in an error makes of its names."""
    line = re.search(r"(lengths = .*\]\)), then", str(error.value))[1]
    found = {"np": np, **names}
    exec(line, found)
    return found


def objects(items):
    found = np.empty(len(items), object)
    found[:] = items
    return found


@pytest.mark.parametrize("given", [list, tuple, objects])
def test_a_ragged_x_is_padded_as_by_hand(given):
    data = rb.Sequences(given(SEVERAL), LABELS, last=True, batch_size=2)
    by_hand = np.stack([np.pad(a, [(0, 9 - len(a)), (0, 0)]) for a in SEVERAL])
    lengths = [len(a) for a in SEVERAL]
    padded = rb.Sequences(by_hand, LABELS, lengths=lengths, last=True, batch_size=2)
    assert data.batch(0, 0).x.dtype == np.float32
    lstm = rb.LSTM(3, 2, rng=0)
    wanted = [rb.predict(lstm, a[:, None])[0][-1, 0] for a in SEVERAL]
    for source in (data, padded):
        np.testing.assert_allclose(rb.predict(lstm, source), wanted, rtol=1e-5)


def test_ragged_symbols_are_padded():
    data = rb.Sequences(SYMBOLS, LABELS, last=True, batch_size=2, shuffle=False)
    assert data.batch(0, 0).x.T.tolist() == [[1, 2, 3], [1, 2, 0]]


def test_the_error_of_a_time_first_function_has_the_lengths_too():
    x = SEVERAL
    model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 3, rng=1))
    loss = rb.losses.MeanSquaredError()
    with pytest.raises(rb.ShapeError, match="items have") as error:
        rb.bptt(model, x, SEVERAL, loss)
    found = pasted(error, x=x)
    lengths, x = found["lengths"], found["x"]
    assert str(error.value).endswith("take x.swapaxes(0, 1) and lengths=lengths")
    whole = x.swapaxes(0, 1)
    masked = rb.bptt(model, whole, whole, loss, lengths=lengths)
    alone = [rb.bptt(model, a[:, None], a[:, None], loss).loss for a in SEVERAL]
    np.testing.assert_allclose(masked.loss, np.average(alone, weights=lengths), rtol=1e-5)


def test_a_ragged_target_is_padded_by_its_own_line():
    target = SEVERAL
    with pytest.raises(rb.ShapeError, match="target has parts of inhomogeneous") as error:
        rb.Sequences(np.zeros((4, 9, 3)), target, batch_size=2)
    assert pasted(error, target=target)["target"].shape == (4, 9, 3)


def test_an_array_of_objects_of_one_shape_is_joined():
    x = objects([np.ones((5, 3)), np.zeros((5, 3))])
    with pytest.raises(rb.DtypeError, match=r"join its items, np.stack\(\[\*x\]\)"):
        rb.Sequences(x, LABELS[:2], last=True, batch_size=2)


def test_pieces_of_a_stream_are_named_as_such():
    pieces = [np.zeros((n, 1, 3), "float32") for n in (4, 2)]
    with pytest.raises(rb.ShapeError, match=r"or iter\(x\), if these are pieces of a stream"):
        rb.predict(rb.LSTM(3, 4), pieces)
    assert rb.predict(rb.LSTM(3, 4), iter(pieces), last=True)[0].shape == (1, 4)


def test_parts_that_differ_otherwise_are_named():
    with pytest.raises(rb.ShapeError, match=r"x\[1\] has shape \(7, 3\), x\[0\] \(5, 2\)"):
        rb.Sequences([np.zeros((5, 2)), np.zeros((7, 3))], LABELS[:2], last=True, batch_size=2)


@pytest.mark.parametrize("name", ["pad_sequences", "pad_sequence", "pack_padded_sequence", "pad"])
@pytest.mark.parametrize("module", [rb, rb.train, rb.layers])
def test_names_of_other_libraries_lead_to_lengths(module, name):
    with pytest.raises(AttributeError, match=r"lengths=lengths, .* Sequences takes the list"):
        getattr(module, name)
