"""reprs show the options that a layer computes with, where they are not the default."""

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.naming import as_filed

SHOWN = {
    "RNN(3, 4)": rb.RNN(3, 4, activation="tanh"),
    "RNN(3, 4, activation='relu')": rb.RNN(3, 4, activation="relu"),
    "RNN(3, 4, activation='relu', bias=False)": rb.RNN(3, 4, activation="relu", bias=False),
    "LSTM(3, 4)": rb.LSTM(3, 4, forget_bias=1.0, bias_init=0.5),  # values, which training changes
    "LSTM(3, 4, bias=False, name='a')": rb.LSTM(3, 4, bias=False, name="a"),
    "LSTM(3, 4, initial='learned')": rb.LSTM(3, 4, initial="learned"),
    "GRU(3, 4)": rb.GRU(3, 4),
    "GRU(3, 4, reset_after=False)": rb.GRU(3, 4, reset_after=False),
    "GRU(3, 4, reset_after=False, bias=False)": rb.GRU(3, 4, reset_after=False, bias=False),
    "LSTM(3, 4, peepholes=True)": rb.LSTM(3, 4, peepholes=True),
    "IndRNN(3, 4, activation='tanh')": rb.IndRNN(3, 4, activation="tanh"),
    "LRU(3, 4)": rb.LRU(3, 4, r_min=0.5),
    "IndRNN(3, 4)": rb.IndRNN(3, 4, activation="relu"),
    "SLSTM(3, 4, forget='exp', dropout=0.5)": rb.SLSTM(3, 4, forget="exp", dropout=0.5),
    "LSTM(3, 4, projection=2)": rb.LSTM(3, 4, projection=2, layer_norm=False),
    "LSTM(3, 4, layer_norm=True, coupled=True, bias=False)": rb.LSTM(
        3, 4, layer_norm=True, coupled=True, bias=False
    ),
    "GRU(3, 4, layer_norm=True)": rb.GRU(3, 4, layer_norm=True),
    "RNN(3, 4, leak=0.25, activation='relu')": rb.RNN(3, 4, activation="relu", leak=0.25),
    "MinGRU(3, 4, positive=True, name='m')": rb.MinGRU(3, 4, positive=True, name="m"),
    "MinLSTM(3, 4, bias=False)": rb.MinLSTM(3, 4, bias=False),
    "Dense(3, 4, bias=False)": rb.Dense(3, 4, bias=False),
    "Conv1D(3, 4, 2, stride=2, bias=False)": rb.Conv1D(3, 4, 2, stride=2, bias=False),
    "LayerNorm(4)": rb.LayerNorm(4),
    "LayerNorm(4, eps=0.1, bias=False)": rb.LayerNorm(4, eps=0.1, bias=False),
    "Dropout(0.1, per='sequence')": rb.Dropout(0.1, every_step=False),
}


@pytest.mark.parametrize("text", SHOWN)
def test_options_that_are_not_the_default(text):
    assert repr(SHOWN[text]) == text


def test_a_network_and_its_summary_show_them_too():
    model = rb.Sequential(rb.RNN(3, 4, activation="relu", name="r"), rb.Dense(4, 2))
    assert repr(model) == "Sequential(RNN(3, 4, activation='relu', name='r'), Dense(4, 2))"
    assert "RNN(3, 4, activation='relu'" in str(model.summary(steps=5, batch=2))


def test_a_cell_of_ones_own_shows_its_learned_state():
    x, h = rb.Input(4), rb.State(4, "h")
    cell = rb.Cell(x, {h: h + x}, output=h + x, name="RNN of sums")
    assert repr(rb.Recurrent(cell, initial="learned")) == "RNN of sums(initial='learned')"


def test_a_repr_builds_the_same_layer():
    for text, layer in SHOWN.items():
        other = eval(f"rb.{text}", {"rb": rb})
        assert {k: v.shape for k, v in other.params.items()} == {
            k: v.shape for k, v in layer.params.items()
        }


def test_snapshots_have_the_texts_that_they_had():
    with as_filed():
        texts = [repr(SHOWN[text]) for text in SHOWN]
    assert texts[:9] == ["RNN(3, 4)"] * 3 + ["LSTM(3, 4)"] * 3 + ["GRU(3, 4)"] * 3
    assert texts[-2:] == ["LayerNorm(4, bias=False)", "Dropout(0.1, every_step=False)"]


def test_a_run_of_tanh_is_not_resumed_with_relu(tmp_path):
    x = np.ones((8, 5, 3), "float32")
    data = rb.Sequences(x, x[..., :2], batch_size=4)

    def fit(activation, **more):
        layers = rb.RNN(3, 4, activation=activation, rng=0), rb.Dense(4, 2, rng=1)
        loss = rb.losses.MeanSquaredError()
        return rb.fit(rb.Sequential(*layers), data, loss, folder=tmp_path, epochs=1, **more)

    fit("tanh")
    with pytest.raises(ValueError, match="ReLU"):
        fit("relu", resume=True)
