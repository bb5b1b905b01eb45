"""``rnnbp convert``: models and weights between files of several formats, whole or not at all."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors, save_tensors
from tests.commands import contents, error_of, run
from tests.helpers import assert_same_arrays, assert_same_named, reals

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")
X = reals(7, 2, 3, dtype="float32")
WEIGHTS = {"file": reals(3, 2), "0.weight": reals(2, 4, dtype="float32"), "n/m": np.arange(5)}


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 4, rng=1), rb.Dropout(0.1), rb.Dense(4, 2, rng=2))


class Own(rb.Layer):
    def forward(self, x: Any, **context: Any) -> Any:
        return x, ()

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def predicted(path: str) -> np.ndarray:
    """By onnxruntime."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(None, {session.get_inputs()[0].name: X})[0]
    return found


def test_to_onnx_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save(model(), "m.safetensors")
    assert run("convert", "m.safetensors", "m.onnx") == 0
    size = Path("m.onnx").stat().st_size
    assert capsys.readouterr().out == (
        f"m.onnx: Sequential of 154 numbers in 6 arrays, {size / 1000:.3g} kB, from m.safetensors\n"
    )
    expected, _ = rb.predict(model(), X)
    np.testing.assert_allclose(predicted("m.onnx"), expected, atol=2e-6)
    assert run("convert", "m.onnx", "back.safetensors") == 0
    again, _ = rb.predict(rb.load("back.safetensors"), X)
    assert_same_arrays([again], [expected])


def test_options_of_onnx() -> None:
    rb.save(model(), "m.safetensors")
    assert run("convert", "m.safetensors", "m.onnx", "--lengths", "--states", "--batch-first") == 0
    session = onnxruntime.InferenceSession("m.onnx", providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    assert names == ["x", "lengths", "initial_h", "initial_c"]
    h = np.zeros((2, 4), "f4")
    given = dict(zip(names, (X.swapaxes(0, 1), np.array([7, 7]), h, h), strict=True))
    y, *_ = session.run(None, given)
    np.testing.assert_allclose(y.swapaxes(0, 1), rb.predict(model(), X)[0], atol=2e-6)


def test_features_that_the_layers_leave_open(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save(rb.Tanh(), "m.safetensors")
    assert (
        "give them, without time and batch, as --shape N"
        in error_of(capsys, "convert", "m.safetensors", "m.onnx")[1]
    )
    for wrong in ("", "x", "0", "1,-2", "1,,2"):
        status, line = error_of(capsys, "convert", "m.safetensors", "m.onnx", "--shape", wrong)
        assert (status, "must be whole numbers from 1" in line) == (2, True)
    assert run("convert", "m.safetensors", "m.onnx", "--shape", "3") == 0
    np.testing.assert_allclose(predicted("m.onnx"), np.tanh(X), atol=1e-6)


def test_weights_to_arrays_and_back() -> None:
    save_tensors("w.safetensors", WEIGHTS, {"epoch": 3})
    assert run("convert", "w.safetensors", "w.npz") == 0
    with np.load("w.npz", allow_pickle=False) as found:
        assert_same_named({name: found[name] for name in found.files}, WEIGHTS)
    first = Path("w.npz").read_bytes()
    assert run("convert", "--force", "w.safetensors", "w.npz") == 0
    assert Path("w.npz").read_bytes() == first
    assert run("convert", "w.npz", "again.safetensors") == 0
    arrays, metadata = load_tensors("again.safetensors")
    assert_same_named(arrays, WEIGHTS)
    assert metadata == {}


def test_weights_of_16_bits_are_widened_exactly() -> None:
    header = b'{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}'
    data = len(header).to_bytes(8, "little") + header + b"\x80\x3f\x20\xc1"  # 1 and -10
    Path("t.safetensors").write_bytes(data)
    assert run("convert", "t.safetensors", "t.npz") == 0
    with np.load("t.npz") as found:
        assert_same_arrays([found["a"]], [np.array([1, -10], "f4")])


def test_of_a_whole_model_arrays_are_its_weights() -> None:
    rb.save(model(), "m.safetensors")
    assert run("convert", "m.safetensors", "w.npz") == 0
    with np.load("w.npz") as found:
        assert_same_named({name: found[name] for name in found.files}, model().params)


WAYS = (
    "the ways are from .safetensors to .onnx, .keras, .npz; from .onnx to .safetensors, .keras; "
    "from .keras to .safetensors, .onnx; from .npz to .safetensors"
)
WRONG = {
    "another ending": ("m.safetensors m.pt", WAYS),
    "no ending": ("folder m.onnx", WAYS),
    "the same": ("m.safetensors n.safetensors", WAYS),
    "arrays to a model": ("a.npz a.onnx", WAYS),
    "there already": ("m.safetensors there.onnx", "is there already; name a new file, or add --force"),
    "itself": ("a.npz folder.safetensors", "is there already"),
    "missing": ("missing.safetensors n.onnx", "missing.safetensors does not exist"),
    "a folder": ("folder.safetensors n.onnx", "is not a regular file"),
    "empty": ("empty.safetensors n.onnx", "is empty"),
    "cut": ("cut.safetensors n.onnx", "is cut short"),
    "cut, of ONNX": ("cut.onnx n.safetensors", "cut short"),
    "cut, of NumPy": ("cut.npz n.safetensors", "is cut short"),
    "weights alone": ("w.safetensors n.onnx", "has weights alone"),
    "a pickle": ("pickle.npz n.safetensors", "a pickle, which is never read"),
    "no folder": ("m.safetensors nowhere/n.onnx", "there is no folder nowhere"),
    "what ONNX lacks": ("conv.safetensors n.onnx", "conv.safetensors is not converted: to_onnx"),
    "an option": ("m.safetensors n.npz --states", "--states is for OUT that ends in .onnx"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_converted_is_one_line(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rb.save(model(), "m.safetensors")
    rb.save(rb.Sequential(rb.Conv1D(1, 2, 3), rb.Tanh()), "conv.safetensors")
    rb.save_weights(model(), "w.safetensors")
    np.savez("a.npz", a=np.zeros(3))
    np.savez("pickle.npz", a=np.array([{}]))
    Path("folder.safetensors").mkdir()
    Path("there.onnx").write_bytes(b"kept")
    Path("empty.safetensors").touch()
    for name, source in (("cut.safetensors", "m.safetensors"), ("cut.npz", "a.npz")):
        Path(name).write_bytes(Path(source).read_bytes()[:-9])
    Path("cut.onnx").write_bytes(b"\x08\x08\x3a\x70")
    before = contents()
    line, says = WRONG[case]
    status, error = error_of(capsys, "convert", *line.split())
    assert (status, error[:7]) == (1, "rnnbp: ")
    assert says in error
    assert contents() == before


def test_a_layer_of_ones_own_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save(rb.Sequential(rb.Dense(3, 2), Own()), "m.safetensors")
    assert "Own" in error_of(capsys, "convert", "m.safetensors", "m.onnx")[1]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras with a new NumPy
def test_to_keras_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "torch"))
    keras = pytest.importorskip("keras")
    rb.save(model(), "m.safetensors")
    assert run("convert", "m.safetensors", "m.keras") == 0
    y = keras.saving.load_model("m.keras").predict(X.swapaxes(0, 1), verbose=0)
    expected, _ = rb.predict(model(), X)
    np.testing.assert_allclose(y.swapaxes(0, 1), expected, atol=2e-6)
    assert run("convert", "m.keras", "back.safetensors") == 0
    again, _ = rb.predict(rb.load("back.safetensors"), X)
    np.testing.assert_allclose(again, expected, atol=2e-6)
    assert run("convert", "m.keras", "m.onnx") == 0
    np.testing.assert_allclose(predicted("m.onnx"), expected, atol=2e-6)


def test_keras_that_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    rb.save(model(), "m.safetensors")
    status, line = error_of(capsys, "convert", "m.safetensors", "m.keras")
    assert status == 1
    assert "python -m pip install 'rnnbp[keras]'" in line
    assert not Path("m.keras").exists()
