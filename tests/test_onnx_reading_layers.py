"""Nodes of ONNX that are layers without time: against onnxruntime, random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.onnx_nodes import ort

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

B = 4
RNG = np.random.default_rng(6)


def n(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    return onnx.helper.make_node(
        kind, inputs.split(), outputs.split(), name=f"{kind} to {outputs}", **attributes
    )


def f(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def c(*values: float) -> np.ndarray:
    return np.array(values, "float32")


def i(*values: int) -> np.ndarray:
    return np.array(values)


GELU = [n("Div", "x r", "u"), n("Erf", "u", "e"), n("Add", "e one", "p")]
ROOT = {
    "r": np.array(np.sqrt(2), "float32"),
    "one": np.array(1, "float32"),
    "half": np.array(0.5, "float32"),
}
NODES: dict[str, tuple[tuple[int, ...], list[Any], dict[str, np.ndarray]]] = {
    "Conv of one axis": (
        (3, 9),
        [n("Conv", "x w b", strides=[2], pads=[1, 1], dilations=[2])],
        {"w": f(5, 3, 3), "b": f(5)},
    ),
    "Conv of two axes": (
        (2, 6, 7),
        [n("Conv", "x w", strides=[1, 2], pads=[1, 0, 1, 0], kernel_shape=[3, 2])],
        {"w": f(4, 2, 3, 2)},
    ),
    "MaxPool": (
        (2, 6, 7),
        [n("MaxPool", "x", kernel_shape=[2, 3], strides=[2, 1], pads=[1, 1, 1, 1])],
        {},
    ),
    "AveragePool": (
        (3, 9),
        [n("AveragePool", "x", kernel_shape=[3], pads=[1, 1], count_include_pad=1)],
        {},
    ),
    "GlobalAveragePool": ((3, 4, 5), [n("GlobalAveragePool", "x", "z"), n("Flatten", "z")], {}),
    "BatchNormalization": (
        (3, 5),
        [n("BatchNormalization", "x s b m v", epsilon=1e-3)],
        {"s": f(3), "b": f(3), "m": f(3), "v": f(3) ** 2},
    ),
    "Gemm": ((5,), [n("Gemm", "x w b", alpha=0.5, beta=2.0, transB=1)], {"w": f(3, 5), "b": f(3)}),
    "Gemm, upright": ((5,), [n("Gemm", "x w")], {"w": f(5, 3)}),
    "MatMul and Add": ((5,), [n("MatMul", "x w", "z"), n("Add", "b z")], {"w": f(5, 3), "b": f(3)}),
    "MatMul, used twice": (
        (5,),
        [n("MatMul", "x w", "z"), n("Add", "b z", "u"), n("Mul", "u z")],
        {"w": f(5, 3), "b": f(3)},
    ),
    "MatMul of two": ((3, 3), [n("Transpose", "x", "t", perm=[0, 2, 1]), n("MatMul", "x t")], {}),
    "LeakyRelu": ((5,), [n("LeakyRelu", "x", alpha=0.3)], {}),
    "Elu": ((5,), [n("Elu", "x", alpha=0.7)], {}),
    "HardSigmoid": ((5,), [n("HardSigmoid", "x", alpha=0.4)], {}),
    "Clip": ((5,), [n("Clip", "x  high")], {"high": np.array(0.2, "float32")}),
    "Neg": ((5,), [n("Neg", "x")], {}),
    "Reciprocal": ((5,), [n("Reciprocal", "x")], {}),
    "Pow": ((5,), [n("Pow", "x k")], {"k": c(2)}),
    "Sub from": ((5,), [n("Sub", "k x")], {"k": c(3)}),
    "Sub": ((5,), [n("Sub", "x k")], {"k": f(5)}),
    "Div by": ((5,), [n("Div", "x k")], {"k": c(1, 2, 3, 4, 5)}),
    "Div of": ((5,), [n("Div", "k x")], {"k": c(1, 2, 3, 4, 5)}),
    "Max": ((5,), [n("Max", "x k")], {"k": np.array(0.1, "float32")}),
    "Min of two": ((5,), [n("Neg", "x", "z"), n("Min", "x z")], {}),
    "Sum of three": ((5,), [n("Tanh", "x", "z"), n("Sum", "x z x")], {}),
    "GELU": ((5,), [*GELU, n("Mul", "x p", "q"), n("Mul", "q half")], ROOT),
    "GELU, half first": ((5,), [n("Mul", "x half", "h"), *GELU, n("Mul", "h p")], ROOT),
    "GELU, half of erf": ((5,), [*GELU, n("Mul", "half p", "q"), n("Mul", "q x")], ROOT),
    "softplus": (
        (5,),
        [n("Softplus", "x", "s"), n("Greater", "x k", "g"), n("Where", "g x s")],
        {"k": c(20)},
    ),
    "Split": (
        (5,),
        [n("Split", "x k", "a b", axis=1), n("Concat", "b x a", axis=-1)],
        {"k": i(2, 3)},
    ),
    "Split of a matrix": (
        (6, 2),
        [n("Split", "x k", "a b", axis=1), n("Flatten", "b")],
        {"k": i(2, 4)},
    ),
    "Slice": ((7,), [n("Slice", "x a b k")], {"a": i(-5), "b": i(-1), "k": i(1)}),
    "Gather": ((3, 4), [n("Gather", "x k", axis=1)], {"k": np.array(-2)}),
    "Reshape": ((6, 2), [n("Reshape", "x k")], {"k": i(0, -1, 4)}),
    "Transpose": ((3, 4), [n("Transpose", "x", perm=[0, 2, 1])], {}),
    "Unsqueeze and Squeeze": (
        (5,),
        [n("Unsqueeze", "x k", "z"), n("Tanh", "z", "t"), n("Squeeze", "t k")],
        {"k": i(1)},
    ),
    "ReduceMean": ((3, 4), [n("ReduceMean", "x", axes=[-1], keepdims=1)], {}),
    "ReduceSum": ((3, 4), [n("ReduceSum", "x k", keepdims=0)], {"k": i(2)}),
    "Softmax": ((3, 4), [n("Softmax", "x")], {}),
    "LogSoftmax": ((4,), [n("LogSoftmax", "x", axis=1)], {}),
    "LayerNormalization": (
        (3, 4),
        [n("LayerNormalization", "x w", axis=1, epsilon=1e-4)],
        {"w": f(3, 4)},
    ),
    "learned factor": ((4,), [n("Mul", "w x", "z"), n("Add", "z v")], {"w": f(4), "v": f(4)}),
    "number": ((4,), [n("Mul", "x k", "z"), n("Add", "k z")], {"k": np.array(0.2, "float32")}),
}


def model_of(name: str) -> Any:
    """A model of nodes on x (B, ...)."""
    shape, nodes, weights = NODES[name]
    h = onnx.helper
    x, y = h.make_tensor_value_info("x", 1, ["B", *shape]), h.make_tensor_value_info("y", 1, None)
    arrays = [onnx.numpy_helper.from_array(array, key) for key, array in weights.items()]
    graph = h.make_graph(nodes, "graph", [x], [y], arrays)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("name", NODES)
def test_a_node_without_time(name: str) -> None:
    proto, x = (
        model_of(name),
        np.random.default_rng(2).normal(size=(B, *NODES[name][0])).astype("float32"),
    )
    (wanted,) = ort(proto, {"x": x})
    (found,) = rb.predict(rb.interchange.from_onnx(proto), x[None])[0]
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).max() <= 2e-6 * np.abs(wanted).max()


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("Gemm", {"0.weight": (3, 5), "0.bias": (3,)}),
        ("MatMul and Add", {"0.weight": (3, 5), "0.bias": (3,)}),
        ("learned factor", {"0.weight": (4,), "1.value": (4,)}),
        ("number", {}),
    ],
)
def test_named_tensors_of_a_file_can_be_trained(
    name: str, shapes: dict[str, tuple[int, ...]]
) -> None:
    params = rb.interchange.from_onnx(model_of(name)).params
    assert {key: array.shape for key, array in params.items()} == shapes
