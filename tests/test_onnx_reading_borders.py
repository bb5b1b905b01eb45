"""ONNX files that are cut short, damaged, of another version, or beyond what can be read."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import StorageError
from tests.onnx_nodes import node_model

onnx = pytest.importorskip("onnx")

pytestmark = pytest.mark.alike
read = rb.interchange.from_onnx
INPUT: list[int | str] = ["T", "B", 3]


def model_of(
    *nodes: Any, shape: list[int | str] | None = None, opset: int = 17, **weights: np.ndarray
) -> Any:
    """A ModelProto of nodes from x to y."""
    h = onnx.helper
    x = h.make_tensor_value_info("x", 1, INPUT if shape is None else shape)
    y = h.make_tensor_value_info("y", 1, None)
    arrays = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = h.make_graph(list(nodes), "graph", [x], [y], arrays)
    return h.make_model(
        graph, opset_imports=[h.make_opsetid("", opset), h.make_opsetid("mine", 1)], ir_version=8
    )


def node(kind: str, *inputs: str, **attributes: Any) -> Any:
    return onnx.helper.make_node(kind, list(inputs), ["y"], name="the_node", **attributes)


W = np.ones((1, 8, 3), "float32")
R = np.ones((1, 8, 2), "float32")


def lstm(*, name: str = "the_node", **attributes: Any) -> Any:
    return onnx.helper.make_node(
        "LSTM", ["x", "W", "R"], ["y"], name=name, hidden_size=2, **attributes
    )


def test_a_file_cut_short_is_refused_at_every_length(tmp_path: Path) -> None:
    data, path = model_of(lstm(), W=W, R=R).SerializeToString(), tmp_path / "cut.onnx"
    for size in range(0, len(data), 3):
        path.write_bytes(data[:size])
        with pytest.raises(StorageError, match=r"cut\.onnx.*export it again"):
            read(path)


@pytest.mark.parametrize("data", [b"PK\x03\x04 no model", b"\x80\x04K\x01.", b"x" * 1000])
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"other\.onnx.*export it again"):
        read(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no pipes with names")
def test_a_pipe_is_refused_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(StorageError, match=r"pipe\.onnx is not a regular file; give the path"):
        read(tmp_path / "pipe.onnx")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"gone\.onnx does not exist; check the path"):
        read(tmp_path / "gone.onnx")
    with pytest.raises(TypeError, match=r"takes a path or an onnx\.ModelProto, found 3"):
        read(3)


@pytest.mark.parametrize(
    ("opset", "text"), [(6, "opset 6 is older than 7; convert"), (999, "opset 999 is newer")]
)
def test_versions_that_are_not_known(opset: int, text: str) -> None:
    with pytest.raises(StorageError, match=text):
        read(model_of(lstm(), opset=opset, W=W, R=R))


def test_damage_never_raises_anything_else(tmp_path: Path) -> None:
    data, path = model_of(lstm(), W=W, R=R).SerializeToString(), tmp_path / "flipped.onnx"
    rng = np.random.default_rng(4)
    for place, bit in zip(rng.integers(len(data), size=60), rng.integers(8, size=60), strict=True):
        flipped = bytearray(data)
        flipped[place] ^= 1 << bit
        path.write_bytes(bytes(flipped))
        outcome(path)


def outcome(path: Path) -> rb.Graph | ValueError | StorageError:
    """The model of a file, or what says that it is not one."""
    try:
        return read(path)
    except (ValueError, StorageError) as error:
        return error


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "operator": (
        lambda: model_of(node("Det", "x")),
        r"node the_node \(Det\): this operator is not known",
    ),
    "domain": (
        lambda: model_of(node("LSTM", "x", domain="mine")),
        r"the_node \(LSTM of domain mine\)",
    ),
    "time is cut": (
        lambda: model_of(lstm_to("z"), node("Gather", "z", "k"), W=W, R=R, k=np.array(1)),
        r"the_node \(Gather\): takes elements 1 to 2 of the axis of time; of a series the last step",
    ),
    "direction": (
        lambda: model_of(lstm(direction="both"), W=W, R=R),
        "attribute direction = 'both'",
    ),
    "activation": (
        lambda: model_of(lstm(activations=["Sigmoid", "Cube", "Tanh"]), W=W, R=R),
        r"the_node \(LSTM\): attribute activations names 'cube'; those that are layers",
    ),
    "parameters": (
        lambda: model_of(lstm(activations=["Sigmoid", "Affine", "Tanh"]), W=W, R=R),
        "names 'affine' without its alpha and beta; give both",
    ),
    "shape": (
        lambda: model_of(lstm(), W=W, R=R[:, :, :1]),
        r"W has shape \(1, 8, 3\), expected \(1, 4, 3\)",
    ),
    "hidden size": (
        lambda: model_of(lstm(), W=W[:, :4], R=R[:, :4, :1]),
        "hidden_size = 2, and R is for 1 units",
    ),
    "features": (
        lambda: model_of(lstm(), shape=["T", "B", "F"], W=W, R=R),
        "axes of time and batch, and a known number",
    ),
    "other features": (
        lambda: model_of(lstm(), shape=["T", "B", 5], W=W, R=R),
        r"expected \(time, batch, 3\)",
    ),
    "not a number": (lambda: model_of(lstm(), W=W * np.nan, R=R), "tensor W holds NaN"),
    "two dtypes": (
        lambda: model_of(lstm_to("z"), node("MatMul", "z", "M"), W=W, R=R, M=np.ones((2, 2))),
        r"the_node \(MatMul\) has weights of float64, node first \(LSTM\) of float32",
    ),
    "weights are computed": (
        lambda: model_of(node("LSTM", "x", "x", "x", hidden_size=2)),
        "input 1 .x. is computed",
    ),
    "no input": (lambda: model_of(node("Identity", "W"), W=W), "has no inputs"),
    "unknown attribute": (lambda: model_of(lstm(layout=7), W=W, R=R), "attribute layout = 7"),
    "group": (
        lambda: model_of(
            node("Conv", "x", "C", group=2), shape=["B", 4, 9], C=np.ones((4, 2, 3), "float32")
        ),
        "attribute group = 2; write one convolution for each group",
    ),
    "large": (
        lambda: model_of(
            onnx.helper.make_node("ConstantOfShape", ["n"], ["c"], name="big"),
            node("Add", "x", "c"),
            n=np.array([10**6, 10**6]),
        ),
        r"big \(ConstantOfShape\): makes a constant of more than 16 million",
    ),
}


def lstm_to(name: str) -> Any:
    """An LSTM whose output, without the axis of directions, is called so."""
    return onnx.helper.make_node("LSTM", ["x", "W", "R"], [name], name="first", hidden_size=2)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_expressed_names_the_node(name: str) -> None:
    make, text = REFUSED[name]
    with pytest.raises(ValueError, match=text):
        read(make())


def test_final_steps_of_a_model_with_lengths_are_refused() -> None:
    """Step T − 1 of a shorter row is 0 in ONNX, and its own last step here."""
    proto = node_model("GRU", lengths=True)
    last = onnx.numpy_helper.from_array(np.array(-1), "last")
    proto.graph.initializer.append(last)
    proto.graph.node.append(onnx.helper.make_node("Gather", ["Y", "last"], ["end"], axis=0))
    del proto.graph.output[:]
    proto.graph.output.append(onnx.helper.make_tensor_value_info("end", 1, None))
    with pytest.raises(
        ValueError, match="takes the last step, in a model with sequence_lens; read final states"
    ):
        read(proto)


def external(path: Path, location: str) -> None:
    """A model whose W lies in a file of its own, as it says."""
    proto = model_of(lstm(), W=W, R=R)
    move(proto.graph.initializer[0], location)
    path.write_bytes(proto.SerializeToString())


def move(tensor: Any, location: str) -> None:
    """The numbers of a tensor, in a file of their own."""
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location


def test_data_in_the_folder_of_the_model_are_read(tmp_path: Path) -> None:
    (tmp_path / "W.bin").write_bytes((2 * W).tobytes())
    external(tmp_path / "m.onnx", "W.bin")
    assert read(tmp_path / "m.onnx").params["0.weight_ih"].tolist() == (2 * W[0]).tolist()
    proto = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    with pytest.raises(
        StorageError, match=r"tensor W lies in another file, 'W\.bin'; give the path"
    ):
        read(proto)


def test_data_of_a_function_are_those_in_the_folder_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = onnx.numpy_helper.from_array(W, "W")
    move(held, "W.bin")
    inside = onnx.helper.make_node("Constant", [], ["W"], value=held)
    versions = [onnx.helper.make_opsetid("", 17)]
    proto = model_of(onnx.helper.make_node("held", [], ["W"], domain="mine"), lstm(), R=R)
    proto.functions.append(onnx.helper.make_function("mine", "held", [], ["W"], [inside], versions))
    (tmp_path / "m.onnx").write_bytes(proto.SerializeToString())
    (tmp_path / "W.bin").write_bytes((2 * W).tobytes())
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "W.bin").write_bytes((7 * W).tobytes())
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert read(tmp_path / "m.onnx").params["0.weight_ih"].tolist() == (2 * W[0]).tolist()


@pytest.mark.parametrize(
    "location", ["../W.bin", "/etc/hostname", "", "inner/../../W.bin", "link/W.bin", "W\0.bin"]
)
def test_data_elsewhere_are_never_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "W.bin").write_bytes(W.tobytes())
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    external(folder / "m.onnx", location)
    with pytest.raises(
        StorageError, match=r"tensor W lies in .*outside of the model's folder, which is not read"
    ):
        read(folder / "m.onnx")


def test_data_that_are_missing_are_named(tmp_path: Path) -> None:
    external(tmp_path / "m.onnx", "gone.bin")
    with pytest.raises(StorageError, match=r"tensor W cannot be read from 'gone\.bin'"):
        read(tmp_path / "m.onnx")


def test_weights_of_sixteen_bits_are_widened() -> None:
    rng = np.random.default_rng(1)
    w, r = (rng.normal(size=each.shape).astype("float16") for each in (W, R))
    proto = model_of(lstm(), W=w, R=r)
    proto.graph.input[0].type.tensor_type.elem_type = 10
    read_w = read(proto).params["0.weight_ih"]
    assert read_w.dtype == np.float32
    i, o, f, c = np.split(w[0].astype("float32"), 4)
    assert np.array_equal(read_w, np.concatenate([i, f, c, o]))


def test_a_model_given_is_not_changed() -> None:
    proto = model_of(lstm(), W=W, R=R)
    before = proto.SerializeToString()
    read(proto)
    assert proto.SerializeToString() == before


def test_an_argument_that_is_not_known() -> None:
    with pytest.raises(TypeError, match="from_onnx"):
        read("m.onnx", batch_first=True)


def test_without_onnx_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match=r"python -m pip install 'rnnbp\[onnx\]'"):
        read("m.onnx")
