"""Models written to ONNX and read back: outputs, weights, what they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

pytest.importorskip("onnx")

Make = Callable[..., Any]
CELLS: dict[str, Make] = {
    "LSTM": lambda **o: rb.LSTM(3, 4, **o),
    "peepholes": lambda **o: rb.LSTM(3, 4, peepholes=True, **o),
    "coupled": lambda **o: rb.LSTM(3, 4, peepholes=True, coupled=True, **o),
    "GRU": lambda **o: rb.GRU(3, 4, **o),
    "reset before": lambda **o: rb.GRU(3, 4, reset_after=False, **o),
    "RNN": lambda **o: rb.RNN(3, 4, **o),
    "relu": lambda **o: rb.RNN(3, 4, activation="relu", **o),
}
"""Cells that are a node of ONNX."""
OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False, "initial": "learned"},
    {"reverse": True, "initial": "learned"},
]
SCANS: dict[str, Make] = {
    "leak": lambda **o: rb.RNN(3, 4, leak=0.3, **o),
    "projection": lambda **o: rb.LSTM(3, 6, projection=4, **o),
    "layer norm": lambda **o: rb.LSTM(3, 4, layer_norm=True, **o),
    "GRU, layer norm": lambda **o: rb.GRU(3, 4, layer_norm=True, **o),
    "IndRNN": lambda **o: rb.IndRNN(3, 4, **o),
    "LRU": lambda **o: rb.LRU(3, 4, **o),
    "SLSTM": lambda **o: rb.SLSTM(3, 4, **o),
    "MinGRU": lambda **o: rb.MinGRU(3, 4, **o),
    "MinLSTM": lambda **o: rb.MinLSTM(3, 4, **o),
    "zoneout": lambda **o: rb.LSTM(3, 4, zoneout=0.1, **o),
}
"""Cells that are a Scan."""
HEADS: dict[str, Make] = {
    "last": lambda n: (rb.Last(), rb.Dense(n, 2)),
    "mean": lambda n: (rb.MeanOverTime(), rb.Dense(n, 2)),
    "largest": lambda n: (rb.MaxOverTime(), rb.Dense(n, 2)),
    "series": lambda n: (rb.Tanh(),),
}


def scrambled(model: rb.Graph) -> rb.Graph:
    """A model with random values for all its parameters, biases and initial states too."""
    rng = np.random.default_rng(7)
    for array in model.params.values():
        array[...] = 0.5 * rng.normal(size=array.shape)
    return model


def back(model: rb.Graph, path: Path, **options: Any) -> rb.Graph:
    """A model, written and read."""
    rb.interchange.to_onnx(model, path / "model.onnx", **options)
    return rb.interchange.from_onnx(path / "model.onnx")


def series(model: rb.Graph) -> np.ndarray:
    return np.random.default_rng(8).normal(size=(6, 3, 3)).astype(model.dtype)


def near(found: np.ndarray, wanted: np.ndarray) -> None:
    limit = {"float32": 1e-6, "float64": 1e-14}[str(wanted.dtype)]
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype)
    assert np.abs(found - wanted).max() <= limit * np.abs(wanted).max()


def same_model(model: rb.Graph, read: rb.Graph) -> None:
    """Of equal text, parameters and gradients, bit for bit."""
    assert repr(read) == repr(model)
    assert list(read.params) == list(model.params)
    assert all(np.array_equal(read.params[k], p) for k, p in model.params.items())
    x, loss = series(model), rb.losses.MeanSquaredError()
    y = rb.predict(model, x)[0]
    ours, theirs = (rb.bptt(each, x, 0 * y, loss).grads for each in (model, read))
    assert all(np.array_equal(theirs[k], grad) for k, grad in ours.items())


@pytest.mark.one_in(21, "options")
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_is_a_node_comes_back_as_it_was(
    name: str, options: dict[str, Any], tmp_path: Path
) -> None:
    model = scrambled(rb.Sequential(CELLS[name](**options), rb.Dense(4, 2)))
    same_model(model, back(model, tmp_path))


@pytest.mark.parametrize(
    "kind", [rb.GRU, *[pytest.param(kind, marks=pytest.mark.long) for kind in (rb.LSTM, rb.RNN)]]
)
def test_both_directions_come_back_as_they_were(kind: Make, tmp_path: Path) -> None:
    layers = rb.Bidirectional(kind(3, 4), kind(3, 4)), rb.Bidirectional(kind(8, 2), kind(8, 2))
    model = scrambled(rb.Sequential(*layers, rb.Dense(4, 2)))
    same_model(model, back(model, tmp_path, batch_first=True))


@pytest.mark.parametrize("head", HEADS)
def test_what_stands_behind_a_cell_comes_back(head: str, tmp_path: Path) -> None:
    model = scrambled(rb.Sequential(rb.GRU(3, 4), *HEADS[head](4)))
    assert repr(back(model, tmp_path)) == repr(model)


def test_layers_come_back(tmp_path: Path) -> None:
    layers = (
        rb.LayerNorm(4),
        rb.GELU(),
        rb.Gain(4),
        rb.Softplus(),
        rb.ELU(0.5),
        rb.LeakyReLU(0.2),
        rb.Clip(-1, 1.5),
    )
    more = rb.Abs(), rb.Square(), rb.Exp(), rb.Sqrt(), rb.Log(), rb.Slice(4, 1, 3), rb.Softmax()
    model = scrambled(rb.Sequential(rb.Embedding(7, 3), rb.LSTM(3, 4), *layers, *more))
    read = back(model, tmp_path)
    assert repr(read) == repr(model)
    x = np.random.default_rng(3).integers(0, 7, (6, 2))
    assert np.array_equal(rb.predict(read, x)[0], rb.predict(model, x)[0])


@pytest.mark.long
@pytest.mark.parametrize("name", SCANS)
def test_a_scan_computes_what_the_cell_does(name: str, tmp_path: Path) -> None:
    check_scan(SCANS[name](), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("name", ["leak", "layer norm", "GRU, layer norm", "LRU", "zoneout"])
def test_a_scan_in_reverse_from_a_learned_state(name: str, tmp_path: Path) -> None:
    check_scan(SCANS[name](reverse=True, initial="learned", dtype="float64"), tmp_path)


def check_scan(cell: rb.Recurrent, path: Path) -> None:
    """Outputs and the gradient of x equal those of the model that was written, in evaluation."""
    n = cell.output_shapes((3,))[0][0]
    model = scrambled(rb.Sequential(cell, rb.Dense(n, 2, dtype=cell.dtype)))
    read, x, loss = back(model, path), series(model), rb.losses.MeanSquaredError()
    y = rb.predict(model, x)[0]
    near(rb.predict(read, x)[0], y)
    one, other = (
        rb.bptt(each, x, 0 * y, loss, dx=True, training=False).dx for each in (model, read)
    )
    assert np.abs(one - other).max() <= 2e-6 * np.abs(one).max()


@pytest.mark.one_in(8, "cell")
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("cell", [CELLS["GRU"], SCANS["leak"]], ids=["node", "scan"])
def test_lengths_come_back(cell: Make, head: str, tmp_path: Path) -> None:
    check_lengths(cell(), head, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("options", [{"batch_first": True}, {"states": True}], ids=str)
@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", ["LSTM", "GRU", "LRU", "leak", "SLSTM"])
def test_lengths_of_all_kinds(
    name: str, reverse: bool, head: str, options: dict[str, Any], tmp_path: Path
) -> None:
    check_lengths((CELLS | SCANS)[name](reverse=reverse), head, tmp_path, **options)


def check_lengths(cell: Any, head: str, path: Path, **options: Any) -> None:
    """Outputs, and final states with ``states``, equal those of the model that was written."""
    model = scrambled(rb.Sequential(cell, *HEADS[head](cell.output_shapes((3,))[0][0])))
    read, x = back(model, path, lengths=True, **options), series(model)
    lengths = [6, 2, 4]
    rng = np.random.default_rng(9)
    inputs = list(zip(read.input_names, read.input_shapes, strict=True))
    state = {name: rng.normal(size=(3, *shape)).astype("float32") for name, shape in inputs[1:]}
    y, ends = rb.predict(
        model, x, lengths=lengths, state=(tuple(state.values()),) if state else None
    )
    given = {"x": x, **state} if state else x
    found = rb.predict(read, given, lengths=lengths)[0]
    values = list(found.values()) if isinstance(found, dict) else [found]
    wanted = [y, *list(ends[0])[: len(values) - 1]]
    for one, other in zip(values, wanted, strict=True):
        near(one, other)
