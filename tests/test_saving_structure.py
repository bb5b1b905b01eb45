"""What a file keeps of a model's structure: sharing, ties, names, depth, rates, constants."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.saving import blocks
from tests.helpers import assert_same_arrays, reals
from tests.saved_models import assert_same_gradients, assert_same_slots, loaded


@pytest.mark.quick
def test_a_layer_in_two_places_is_one_after(tmp_path: Path) -> None:
    dense, rnn = rb.Dense(3, 3, rng=0), rb.GRU(3, 3, rng=1)
    model = rb.Sequential(dense, rnn, rb.Tanh(), dense, rnn, rb.Sequential(dense))
    found = loaded(model, tmp_path)
    assert found[0] is found[3] is found[5][0]
    assert found[1] is found[4]
    assert_same_slots(found, model)
    assert_same_gradients(found, model)


def test_tied_arrays_are_tied_after(tmp_path: Path) -> None:
    """An embedding whose array is the weight of the head; and two rows of a cell's weights."""
    embedding, head = rb.Embedding(7, 4, rng=0), rb.Dense(4, 7, rng=1)
    head.params["weight"] = embedding.params["weight"]
    model = rb.Sequential(embedding, rb.LSTM(4, 4, rng=2), head)
    found = loaded(model, tmp_path)
    assert found[2].params["weight"] is found[0].params["weight"]
    assert list(found.params) == ["0.weight", *[f"1.{n}" for n in found[1].params], "2.bias"]
    assert_same_slots(found, model)


def test_one_cell_in_two_directions_and_one_initial_state(tmp_path: Path) -> None:
    rnn, other = rb.LSTM(3, 4, rng=0, initial="learned"), rb.GRU(3, 4, rng=1)
    rnn.params["initial_h"][...] = reals(4)
    both = rb.Bidirectional(rnn, rb.Recurrent(rnn.cell, reverse=True), name="both")
    turned = rb.Bidirectional(other, rnn, "mean")  # whose reverse layer has the state of rnn
    x = rb.Input(3, "x")
    model = rb.Graph(x, (both(x), turned(x), rnn(x)))
    found = loaded(model, tmp_path)
    assert_same_slots(found, model)
    of = [layer for layer in found.layers if isinstance(layer, rb.Recurrent)]
    assert of[0].cell is of[1].cell
    assert of[3].initial is of[0].initial
    xs = reals(5, 2, 3, dtype="float32")
    assert_same_arrays(rb.predict(found, xs)[0], rb.predict(model, xs)[0])


def test_names_of_networks_within_networks(tmp_path: Path) -> None:
    inner = rb.Sequential(rb.Dense(3, 3), rb.Dense(3, 3, name="last"), name="inner")
    middle = rb.Sequential(inner, rb.RNN(3, 3, name="rnn"), name="middle")
    x, h = rb.Input(3), rb.State(3, "h")
    rnn = rb.Recurrent(rb.Cell(x, {h: inner(x) + h}, output=h), initial="learned", name="own")
    series, still = rb.Input(3, "series"), rb.Input(3, "still", per="sequence")
    head = rb.Graph([series, still], rb.Dense((3, 3), 2)(series, still), name="head")
    outputs = {"a": head(rnn(middle(series)), still), "b": rb.Last()(middle(series))}
    model = rb.Graph([series, still], outputs, name="whole")
    found = loaded(model, tmp_path)
    assert_same_slots(found, model)
    assert any(path.startswith("middle.inner.0.") for path in found.params)
    assert (found.input_names, found.output_names) == (("series", "still"), ("a", "b"))
    assert (found.pers, found.axes, found.name) == (model.pers, model.axes, "whole")
    assert_same_slots(loaded(rb.Sequential(middle), tmp_path)[0], middle)


@pytest.mark.parametrize(
    "depth", [150, pytest.param(600, marks=[pytest.mark.long, pytest.mark.grid])]
)
def test_chains_hundreds_deep(depth: int, tmp_path: Path) -> None:
    model: Any = rb.Dense(2, 2, rng=0)
    for k in range(depth):
        model = rb.Sequential(model, rb.Tanh()) if k % 2 else rb.Sequential(model)
    found = loaded(model, tmp_path)
    assert_same_slots(found, model)
    x = reals(3, 2, 2, dtype="float32")
    assert_same_arrays([rb.predict(found, x)[0]], [rb.predict(model, x)[0]])


def test_chains_that_double_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = rb.Tanh()
    for _ in range(10):
        model = rb.Sequential(model, model)
    rb.save(model, tmp_path / "a")
    monkeypatch.setattr(blocks, "NODES", 1000)
    with pytest.raises(ValueError, match=r"have 2046 nodes, at most 1121 of 11 parts can"):
        rb.save(model, tmp_path / "a")
    with pytest.raises(rb.StorageError, match=r"its graphs have more than 1121 nodes"):
        rb.load(tmp_path / "a")


def test_rates_are_those_that_were_set(tmp_path: Path) -> None:
    dropout, noise = rb.Dropout(0.5, name="dropped"), rb.GaussianNoise(0.1)
    rnn = rb.LSTM(3, 4, dropout=0.2, zoneout=(0.1, 0.3), rng=0)
    model = rb.Sequential(dropout, rnn, noise, rb.Penalty(l1=0.1, name="rates"))
    dropout.set(p=0.25, per="sequence")
    noise.set(sigma=0.75)
    next(layer for layer in rnn.cell.layers if layer.name == "zoneout_c").set(rate=0.6)
    found = loaded(model, tmp_path)
    assert repr(found[1]) == "LSTM(3, 4, zoneout=(0.1, 0.6), dropout=0.2)"
    assert (found[0].p, found[0].per, found[2].sigma) == (0.25, "sequence", 0.75)
    assert_same_gradients(found, model)


def test_constants_are_kept_to_the_bit(tmp_path: Path) -> None:
    mask, matrix = reals(3), reals(3, 3, seed=1)
    x = rb.Input(3)
    model = rb.Graph(
        x, rb.Tanh()(matrix @ (mask * x) - 1 / 3) + rb.Dense(3, 3, rng=0, name="head")(x)
    )
    path = tmp_path / "a"
    found = loaded(model, tmp_path)
    assert_same_gradients(found, model)
    rb.save(model, path)
    other = rb.Graph(x, rb.Tanh()(x) + rb.Dense(3, 3, rng=5, name="head")(x))
    assert rb.load_weights(other, path) == {}  # of the weights alone
    assert_same_arrays(other.params.values(), model.params.values())


def test_paths_that_look_like_constants(tmp_path: Path) -> None:
    shift = rb.Scale(shift=np.arange(3))
    model = rb.Sequential(rb.Sequential(rb.Dense(3, 3), shift, name="constant"), name="rnnbp")
    assert_same_slots(loaded(model, tmp_path), model)


def test_what_a_cell_was_made_of_and_its_reverse(tmp_path: Path) -> None:
    model = rb.Sequential(rb.GRU(3, 4, reset_after=False, reverse=True, initial="learned"))
    found = loaded(model, tmp_path)
    assert found[0].cell.made == model[0].cell.made  # type: ignore[union-attr]
    assert found[0].reverse
    assert list(found[0].initial) == ["initial_h"]
    own = rb.Recurrent(rb.Cell(x := rb.Input(3), {(h := rb.State(3)): x + h}, output=h))
    assert loaded(own, tmp_path).cell.made is None


def test_layers_and_cells_alone(tmp_path: Path) -> None:
    cell = loaded(rb.LSTM(3, 4).cell, tmp_path)
    assert rb.Recurrent(cell).output_shapes((3,)) == ((4,),)
    assert loaded(rb.Dense(3, 4, name="head"), tmp_path).name == "head"
    assert loaded(rb.MinGRU(3, 4, dtype="float64"), tmp_path).dtype == np.float64


def test_of_a_loaded_model_there_is_a_summary(tmp_path: Path) -> None:
    model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dropout(0.1), rb.Dense(4, 2, rng=1))
    found = loaded(model, tmp_path)
    assert str(found.summary(steps=5, batch=2)) == str(model.summary(steps=5, batch=2))
    assert "FLOP" in str(found.summary(steps=5, batch=2))
