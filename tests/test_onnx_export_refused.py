"""What to_onnx refuses, with the place and the cure; the file that was there stays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.interchange.onnx_out import protos
from rnnbp.numerics import ShapeError, StorageError

pytest.importorskip("onnx")
pytestmark = pytest.mark.alike
RNN = rb.RNN(3, 2, rng=0)


class Cubed(rb.Layer):
    """A layer that runs as Python."""

    def forward(self, *xs: Any, **_: Any) -> tuple[Any, tuple[Any, ...]]:
        return xs[0] ** 3, (xs[0],)

    def backward_inputs(self, saved: Any, dy: Any) -> tuple[Any, ...]:
        return (3 * saved[0] ** 2 * dy,)

    def output_shapes(self, *shapes: Any) -> tuple[Any, ...]:
        return shapes


def in_a_cell() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(3, "h")
    return rb.Recurrent(rb.Cell(x, {h: Cubed()(x + h)}, output=h))


def named_as_lengths() -> rb.Graph:
    x = rb.Input(3, "lengths")
    return rb.Graph(x, RNN(x))


def two_inputs() -> rb.Graph:
    a, b = rb.Input(3, "a"), rb.Input(None, "b")
    return rb.Graph((a, b), RNN(a) * rb.Tanh()(b))


def diverged() -> rb.Dense:
    found = rb.Dense(3, 2)
    found.params["weight"][1, 2] = np.nan
    return found


CASES: dict[str, tuple[Any, dict[str, Any], type[Exception], tuple[str, ...]]] = {
    "no model": ("net", {}, TypeError, ("a model is a network", "'net'")),
    "a cell": (RNN.cell, {}, TypeError, ("wrap the cell in Recurrent",)),
    "a layer of one's own": (
        rb.Sequential(RNN, Cubed()), {}, ValueError, ("Cubed()", "lower", "layers of the library"),
    ),
    "NaN": (diverged(), {}, ValueError, ("weight has nan at [1, 2]", "before its training")),
    "one in a cell": (in_a_cell(), {}, ValueError, ("Cubed()", "runs as Python")),
    "a convolution of float64": (
        rb.Conv1D(1, 2, 3, dtype="float64"), {"shape": (1, 9)}, ValueError,
        ("Conv1D(1, 2, 3)", "astype('float32')"),
    ),
    "old operators": (RNN, {"opset": 16}, ValueError, ("from 17 to", "found 16")),
    "operators to come": (RNN, {"opset": 999}, ValueError, ("found 999",)),
    "no number": (RNN, {"opset": "17"}, TypeError, ("opset", "'17'")),
    "no flag": (RNN, {"lengths": np.array([3, 4])}, TypeError, ("lengths", "True or False")),
    "another name": (RNN, {"length": True}, TypeError, ("'length'", "lengths")),
    "open features": (
        rb.Sequential(rb.Tanh(), rb.Tanh()), {}, ShapeError, ("input x", "shape=(n,)"),
    ),
    "features that do not fit": (RNN, {"shape": 4}, ShapeError, ("must have size 3", "(4,)")),
    "features that are none": (RNN, {"shape": (0,)}, ValueError, ("at least 1", "(0,)")),
    "features of no input": (RNN, {"shape": {"z": 3}}, ValueError, ("'z'", "it has x")),
    "one shape of two": (two_inputs(), {"shape": 2}, TypeError, ("a, b", "by name")),
    "two names": (named_as_lengths(), {"lengths": True}, ValueError, ("'lengths'", "another name")),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_refused(name: str, tmp_path: Path) -> None:
    model, options, kind, says = CASES[name]
    path = tmp_path / "a.onnx"
    path.write_bytes(b"as it was")
    with pytest.raises(kind) as caught:
        rb.interchange.to_onnx(model, path, **options)
    assert all(words in str(caught.value) for words in says), caught.value
    assert path.read_bytes() == b"as it was"
    assert list(tmp_path.iterdir()) == [path]


def test_another_suffix(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"net\.pt does not end in \.onnx"):
        rb.interchange.to_onnx(RNN, tmp_path / "net.pt")


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no folder"):
        rb.interchange.to_onnx(RNN, tmp_path / "none" / "net.onnx")


def test_no_path() -> None:
    with pytest.raises(TypeError, match="path must be a path"):
        rb.interchange.to_onnx(RNN, 3)  # type: ignore[arg-type]


def test_without_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"pip install 'rnnbp\[onnx\]'"):
        rb.interchange.to_onnx(RNN, tmp_path / "net.onnx")


def test_weights_beyond_what_a_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protos, "LIMIT", 10)
    with pytest.raises(ValueError, match="2 GiB"):
        rb.interchange.to_onnx(RNN, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_a_resized_parameter(tmp_path: Path) -> None:
    model = rb.Dense(3, 2)
    dict.__setitem__(model.params, "weight", np.ones((2, 4)))
    with pytest.raises(ShapeError, match="weight has shape"):
        rb.interchange.to_onnx(model, tmp_path / "net.onnx")
