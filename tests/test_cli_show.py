"""``rnnbp show``: tables of what files hold, and one line for those that cannot be shown."""

from __future__ import annotations

import json
import pickle
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import rnnbp as rb
from rnnbp.storage import save_tensors
from tests.commands import error_of, flip, late_error_of, run

pytestmark = [pytest.mark.alike, pytest.mark.usefixtures("in_an_empty_folder")]

MODEL = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dropout(0.1), rb.Dense(4, 2))


def shown(capsys: pytest.CaptureFixture[str], *args: object) -> list[str]:
    """The lines of a file that can be shown."""
    assert run("show", *args) == 0
    found = capsys.readouterr()
    assert found.err == ""
    return found.out.splitlines()


def rows(lines: list[str], first: str) -> list[list[str]]:
    """The words of the rows under the line that begins with this word, up to an empty line."""
    (at,) = [k for k, line in enumerate(lines) if line.split()[:1] == [first]]
    end = lines.index("", at) if "" in lines[at:] else len(lines)
    return [line.split() for line in lines[at + 1 : end]]


def test_weights_with_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save_weights(MODEL, "w.safetensors", metadata={"epoch": 3, "note": "a\nb"})
    lines = shown(capsys, "w.safetensors")
    assert lines[0] == "file      w.safetensors"
    assert lines[1].startswith("format    weights of rnnbp, as safetensors, ")
    assert lines[2:5] == ["checksum  fits", "metadata  epoch  3", "          note   a\\nb"]
    params = MODEL.params
    assert lines[5] == f"tensors   {len(params)} tensors of {sum(map(nbytes, params.values()))} B"
    assert {row[0]: " ".join(row[1:]) for row in rows(lines, "name")} == {
        name: f"{p.shape} float32 {p.nbytes} B" for name, p in params.items()
    }


def nbytes(array: np.ndarray) -> int:
    return array.nbytes


def test_a_run_and_its_snapshot(capsys: pytest.CaptureFixture[str]) -> None:
    Path("run").mkdir()
    rb.save_weights(MODEL, "run/model.safetensors")
    save_tensors("run/snapshot.safetensors", MODEL.params, {"snapshot": {"step": 3}})
    assert shown(capsys, "run")[0] == f"file      {Path('run') / 'model.safetensors'}"
    assert " a snapshot of a run, " in shown(capsys, Path("run") / "snapshot.safetensors")[1]


def test_a_whole_model_is_its_summary(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save(MODEL, "m.safetensors")
    lines = shown(capsys, "m.safetensors")
    assert lines[1].startswith("format    a model of rnnbp.save, ")
    assert "\n".join(lines[4:]) == str(rb.load("m.safetensors").summary())  # type: ignore[union-attr]


class Own(rb.Layer):
    def forward(self, x: Any, **context: Any) -> Any:
        return x, ()

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def test_a_model_with_a_layer_of_ones_own_shows_its_tensors(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rb.save(rb.Sequential(rb.Dense(3, 2), Own()), "m.safetensors")
    lines = shown(capsys, "m.safetensors")
    assert [row[0] for row in rows(lines, "name")] == ["0.bias", "0.weight"]
    assert lines[-1].startswith("its tensors alone are shown, because ")
    assert "layers={'Own': Own}" in lines[-1]


def foreign(path: str, tensors: dict[str, Any], **more: object) -> None:
    """A safetensors file as other libraries write it; each tensor is (dtype, shape, bytes)."""
    header, at = dict(more), 0
    for name, (dtype, shape, size) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    Path(path).write_bytes(len(text).to_bytes(8, "little") + text + bytes(at))


def test_weights_of_pytorch(capsys: pytest.CaptureFixture[str]) -> None:
    tensors = {"10.w": ("F16", [2], 4), "2.w": ("BF16", [2, 3], 12), "n": ("F64", [], 8)}
    foreign("t.safetensors", tensors, __metadata__={"format": "pt"})
    lines = shown(capsys, "t.safetensors")
    assert lines[1].startswith("format    safetensors of a different library, ")
    assert lines[2].startswith("checksum  none, ")
    assert lines[3] == "metadata  format  pt"
    assert rows(lines, "name") == [
        ["2.w", "(2,", "3)", "bfloat16", "12", "B"],
        ["10.w", "(2,)", "float16", "4", "B"],
        ["n", "()", "float64", "8", "B"],
    ]


def test_arrays_of_numpy(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez_compressed("a.npz", x=np.zeros((3, 4), "f4"), y=np.zeros(500))
    assert rows(shown(capsys, "a.npz"), "name") == [
        ["x", "(3,", "4)", "float32", "48", "B"],
        ["y", "(500,)", "float64", "4", "kB"],
    ]
    np.save("b.npy", np.zeros((2, 2), "i2"))
    assert rows(shown(capsys, "b.npy"), "name") == [
        ["the", "array", "(2,", "2)", "int16", "8", "B"]
    ]


class Bomb:
    def __reduce__(self) -> Any:
        return open, ("exploded", "w")


def test_pickles_are_never_run(capsys: pytest.CaptureFixture[str]) -> None:
    np.savez("o.npz", x=np.array([Bomb()], object))
    assert "object, a pickle, not read" in " ".join(rows(shown(capsys, "o.npz"), "name")[0])
    for protocol in (0, 2, 4):
        Path("p.pt").write_bytes(pickle.dumps(Bomb(), protocol))
        assert "never read" in error_of(capsys, "show", "p.pt")[1]
    with zipfile.ZipFile("z.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb()))
    assert "a pickle of PyTorch in a zip file" in error_of(capsys, "show", "z.pt")[1]
    assert not Path("exploded").exists()


def model_of_onnx() -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gemm", ["x", "W", ""], ["h"], name="g"),
        helper.make_node("Relu", ["h"], ["y"]),
        helper.make_node("Relu", ["s"], ["z"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3])
    s = helper.make_tensor_value_info("s", TensorProto.DOUBLE, [None])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    held = [numpy_helper.from_array(np.zeros((3, 4), "f4"), "W")]
    graph = helper.make_graph(nodes, "g", [x, s], [y], held)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, producer_name="me", opset_imports=opset)


def test_a_model_of_onnx(capsys: pytest.CaptureFixture[str]) -> None:
    data = model_of_onnx().SerializeToString()
    Path("m.onnx").write_bytes(data)
    lines = shown(capsys, "m.onnx")
    assert lines[1] == f"format    ONNX, opset 17, by me, {len(data)} B"
    assert rows(lines, "value") == [
        ["input", "x", "(batch,", "3)", "float32"],
        ["input", "s", "(?,)", "float64"],
        ["output", "y", "?", "float32"],
    ]
    assert "nodes     3 nodes: 2×Relu, 1×Gemm" in lines
    assert rows(lines, "node") == [
        ["Gemm", "g", "x,", "W,", "-", "h"],
        ["Relu", "h", "y"],
        ["Relu", "s", "z"],
    ]
    assert "weights   1 initializer of 48 B" in lines
    assert rows(lines[-2:], "name") == [["W", "(3,", "4)", "float32", "48", "B"]]


def test_onnx_that_is_not_installed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("m.onnx").write_bytes(model_of_onnx().SerializeToString())
    monkeypatch.setitem(sys.modules, "onnx", None)
    status, line = error_of(capsys, "show", "m.onnx")
    assert status == 1
    assert line.endswith("python -m pip install 'rnnbp[onnx]'")


def test_damage_is_shown_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    rb.save_weights(MODEL, "w.safetensors")
    flip(Path("w.safetensors"), -3)
    status, out, line = late_error_of(capsys, "show", "w.safetensors")
    assert "checksum  does not fit, the file is damaged" in out.splitlines()
    assert (status, "rnn.weight_hh" in out) == (1, True)
    assert line.startswith("rnnbp: w.safetensors is damaged within its tensors; ")


@pytest.mark.parametrize("kind", ["w.safetensors", "a.npz", "a.npy", "m.onnx"])
def test_files_that_are_cut_are_one_line(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    rb.save_weights(rb.Dense(2, 1), "w.safetensors")
    np.savez("a.npz", x=np.zeros(3))
    np.save("a.npy", np.zeros(3))
    Path("m.onnx").write_bytes(model_of_onnx().SerializeToString())
    data = Path(kind).read_bytes()
    for size in range(0, len(data), max(1, len(data) // 12)):
        Path(kind).write_bytes(data[:size])
        status, line = error_of(capsys, "show", kind)
        assert status == 1
        assert line.startswith(f"rnnbp: {kind}")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; rnnbp show reads safetensors, ONNX, .npz and .npy files"),
        (b"some text that means nothing", "a format that this command does not know"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    ],
)
def test_other_files(content: bytes, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_bytes(content)
    status, line = error_of(capsys, "show", "file")
    assert (status, says in line) == (1, True)


def test_what_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("folder").mkdir()
    assert error_of(capsys, "show", "folder")[0] == 1
    assert "missing does not exist" in error_of(capsys, "show", "missing")[1]
    assert "/dev/zero is not a regular file" in error_of(capsys, "show", "/dev/zero")[1]
    assert error_of(capsys, "show")[0] == 2


def test_tables_fit_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign("t.safetensors", {f"{'layer.' * 20}{k}.weight": ("F32", [2], 8) for k in range(12)})
    whole = shown(capsys, "t.safetensors")
    assert whole[-1].startswith("layer." * 20 + "11.weight")  # in a pipe nothing is cut
    monkeypatch.setenv("COLUMNS", "70")
    monkeypatch.setattr(type(sys.stdout), "isatty", lambda self: True)
    cut = shown(capsys, "t.safetensors")
    assert max(map(len, cut)) == 70
    assert rows(cut, "name")[-1] == [cut[-1].split()[0], "(2,)", "float32", "8", "B"]
    assert cut[-1].split()[0].startswith("layer.layer.")
    assert cut[-1].split()[0].endswith("layer.11.weight")
