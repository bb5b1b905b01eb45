"""What from_keras and to_keras refuse: the errors name the layer, the option and the cure."""

from __future__ import annotations

import re

import pytest

from tests.installed import need
from tests.keras_refused import READ, results
from tests.keras_unwritten import WRITTEN

need("keras", "torch", extra="keras,torch")
ERRORS = {
    "a class": ("TypeError", "LSTM.*; build it first, as LSTM"),
    "a list": ("TypeError", r"found \[.*; build keras.Sequential\(layers\)"),
    "a number": ("TypeError", "found 3; give a Sequential or functional model"),
    "nothing": ("TypeError", "found None; give a Sequential"),
    "a function": ("TypeError", "; give what it returns, a model"),
    "one of ours": ("TypeError", r"LSTM\(3, 4\); it is one of this library already; to_keras"),
    "PyTorch's": ("TypeError", r"LSTM\(3, 4\); it is PyTorch's; from_torch"),
    "a tensor": ("TypeError", r"; give the model, keras.Model\(inputs, outputs\)"),
    "a missing file": ("FileNotFoundError", "/nowhere/model.keras does not exist; give the path"),
    "a directory": ("FileNotFoundError", "is a directory; give the path"),
    "weights alone": ("StorageError", "files .keras, found model.weights.h5; .* give the model"),
    "another suffix": ("StorageError", "found model.pt; save the model in Keras"),
    "a file cut short": ("StorageError", "m.keras is cut short.*; save the model again"),
    "a Lambda in a file": ("StorageError", "it has a Lambda, .*, which is refused; build it with"),
    "not built": ("ValueError", "'lstm.*', LSTM of Keras: it is not built.*; call it on an array"),
    "a layer not built": ("ValueError", "layer 'head', Dense of Keras: it is not built"),
    "empty": ("ValueError", "model 'none', Sequential of Keras, has no layers; add them first"),
    "a model of one's own": ("TypeError", "model 'net', Net, has a call of its own.*one by one"),
    "a layer of one's own": ("ValueError", "layer 'mine', Mine: .* class of your own, a LSTM; con"),
    "two inputs": ("ValueError", "Functional of Keras: it has 2 inputs, and a chain has one; conv"),
    "branches": ("ValueError", "layer 'sum', Add of Keras, takes 2 values.*; convert its layers"),
    "an operation": ("ValueError", "the operation 'multiply' of keras.ops is no layer; convert"),
    "a state": ("ValueError", "output 2 of layer 'lstm', LSTM of Keras, is used.*; convert"),
    "a mask": ("ValueError", "it has 2 inputs.*; convert"),
    "in training": ("ValueError", "'drop', Dropout of Keras, is called with training=True; conv"),
    "Masking": ("ValueError", "'masking', Masking of Keras: .*; leave it out, .* lengths="),
    "mask_zero": ("ValueError", "'embedding', Embedding of Keras: mask_zero=True.* lengths="),
    "stateful": ("ValueError", "'lstm', LSTM of Keras: stateful=True; .*Windows .* state="),
    "activation": ("ValueError", "'lstm', LSTM of Keras: activation='relu', here it is tanh; writ"),
    "a function called tanh": ("ValueError", "SimpleRNN of Keras: activation='tanh'.*of your own"),
    "recurrent_activation": ("ValueError", "GRU .*recurrent_activation='hard_sigmoid', here .*sig"),
    "activation of Dense": ("ValueError", "Dense of Keras: its activation 'tanh' is not among"),
    "backwards": ("ValueError", "'lstm', .*go_backwards=True .*; set return_sequences=False"),
    "two outputs": ("ValueError", "'bidirectional', .*merge_mode=None .*; set merge_mode='concat'"),
    "stacked cells": ("ValueError", "'rnn', RNN of Keras: its cell is a StackedRNNCells; write"),
    "axis of a norm": ("ValueError", r"'layer_normalization', .*axis=\[1\].*; build it with axis="),
    "batch norm": ("ValueError", "'norm', BatchNormalization of Keras: .*; use LayerNormalization"),
    "convolution over time": ("ValueError", "'conv', Conv1D of Keras: it acts over time.*TimeDis"),
    "causal": ("ValueError", "Conv1D of Keras: padding='causal' .*; build it with padding='valid'"),
    "noise_shape": ("ValueError", r"'dropout', .*noise_shape=\(None, 7, 1\); leave it out"),
    "a clipped ReLU": ("ValueError", "ReLU of Keras: max_value=6.0.*; leave them out, or .*Clip"),
    "two dtypes": ("DtypeError", "of float32 and of float64; build the layers of Keras with one"),
    "a cell": ("ValueError", r"'lstm_cell.*', LSTMCell .*; wrap it as keras.layers.RNN\(cell\)"),
    "a series at each step": ("ValueError", "'time_distributed', .*it holds LSTM.*; apply that to"),
    "a pool that keeps its axis": ("ValueError", "'pool', .*keepdims=True, .*; leave these"),
    "several axes": ("ValueError", "'head', Dense of Keras: it takes several axes.*; put Flatten"),
    "masks of examples": ("ValueError", "SpatialDropout1D .*without a time axis.*, or Dropout, in"),
    "quantized": ("ValueError", "'head', Dense of Keras: its weights are quantized, int8; give it"),
}
ONNX = "; export the model by rnnbp.interchange.to_onnx"
WRITING = {
    "peepholes": (
        "ValueError",
        rf"LSTM\(3, 4, peepholes=True\): Keras has no peepholes=True{ONNX}",
    ),
    "coupled": ("ValueError", rf"Keras has no coupled=True{ONNX}"),
    "projection": ("ValueError", rf"Keras has no projection=2{ONNX}"),
    "layer norm": ("ValueError", rf"GRU\(3, 4, .*: Keras has no layer_norm=True{ONNX}"),
    "zoneout": ("ValueError", rf"GRU\(3, 4, .*: Keras has no zoneout{ONNX}"),
    "leak": ("ValueError", rf"RNN\(3, 4, .*: Keras has no leak=0.5{ONNX}"),
    "another cell": (
        "ValueError",
        rf"LRU\(3, 4\): Keras has SimpleRNN, .* no cell like this one{ONNX}",
    ),
    "a cell of one's own": ("ValueError", r"Recurrent\(Cell.*: Keras has SimpleRNN, LSTM, GRU"),
    "learned": ("ValueError", rf"name='lstm'\): its initial state is learned.* zeros{ONNX}"),
    "tied": ("ValueError", "share the parameter 0.forward.weight_ih.*; give each its own"),
    "joined": (
        "ValueError",
        rf"node 1, Add\(\): it does not take the output of the one before{ONNX}",
    ),
    "reverse": ("ValueError", r"LSTM\(3, 4, reverse=True\): .* reversed; take its final state"),
    "last of both": ("ValueError", r"Last\(\): of Bidirectional.* final states; join those"),
    "last of a layer": ("ValueError", r"Last\(\): .* alone; let it follow a recurrent layer"),
    "directions of two sizes": ("ValueError", rf"have 4 and 3 units, and in Keras as many{ONNX}"),
    "a layer that is not there": ("ValueError", rf"Gain\(4\): there is no layer like it.*{ONNX}"),
    "padding": ("ValueError", r"Conv1D\(.*: Keras has no padding=\(1, 1\); build it with 'valid'"),
    "flatten": ("ValueError", r"Flatten\(2\): .*not known; put it after a layer whose axes are kn"),
    "one of Keras": ("TypeError", "Sequential name=.*; it is one of Keras already; from_keras"),
    "a list": ("TypeError", r"found \[LSTM\(3, 4\)\]; give rnnbp.Sequential\(\*layers\)"),
    "a cell": ("TypeError", r"a Cell is one step: give rnnbp.Recurrent\(cell\)"),
    "two inputs": ("ValueError", rf"it has 2 inputs and 1 outputs, and a chain has one.*{ONNX}"),
    "mean": ("ValueError", rf"Mean\(\): Keras has it over one of two axes.*{ONNX}"),
    "no model": ("TypeError", "found 'model'; give a Sequential, a recurrent layer or a layer"),
    "a class of ours": ("TypeError", "to_keras takes a model of this library.*; give a Sequential"),
}


def check(said: list[str], expected: tuple[str, str]) -> None:
    kind, words = expected
    assert said[0] == kind, said
    assert re.search(words, said[1]), said[1]


def of(part: str) -> dict[str, list[str]]:
    """What the program wrote of one part."""
    found = results()
    assert isinstance(found, dict), found
    return found[part]


@pytest.mark.parametrize("name", READ)
def test_what_cannot_come_here_is_a_clear_error(name: str) -> None:
    check(of("read")[name], ERRORS[name])


@pytest.mark.parametrize("name", WRITTEN)
def test_what_keras_does_not_have_is_a_clear_error(name: str) -> None:
    check(of("written")[name], WRITING[name])


def test_regularizers_are_left_behind_with_a_warning() -> None:
    (text,) = of("warned")
    assert text.startswith("from_keras: regularizers and constraints of lstm are left behind")


TAKEN = {
    "mixed": ["float32"] * 6,
    "rates": {"dropout": 0.2, "recurrent_dropout": 0.1},
    "file": [
        *(f"gru.{key}" for key in ("weight_ih", "bias_ih", "weight_hh", "bias_hh")),
        "head.weight",
        "head.bias",
    ],
    "one layer": "Sequential(LSTM(3, 4, dropout=0.2, recurrent_dropout=0.1, name='lstm'), Last())",
    "spatial": "Sequential(Dropout(0.25, per='sequence', name='drop'), "
    "GaussianNoise(0.5, name='noise'))",
    "spatial back": ["GRU", "SpatialDropout1D", "GaussianNoise"],
    "dtype of y": "float64",
    "names that come again": ["a_b", "act", "dense_0", "tanh_0"],
    "names": ["enc", "dense_0", "tanh_0"],
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_taken(what: str) -> None:
    assert of("taken")[what] == TAKEN[what]


def test_two_biases_are_one_sum_there() -> None:
    assert of("taken")["two biases"] <= 2e-6
