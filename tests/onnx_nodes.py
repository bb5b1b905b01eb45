"""Models of one recurrent node with random weights, and what onnxruntime makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STATES = {"LSTM": 2, "GRU": 1, "RNN": 1}
T, B, F, N = 6, 3, 4, 5
OPSET = 17


def node_model(
    kind: str,
    *,
    direction: str = "forward",
    peepholes: bool = False,
    bias: bool = True,
    lengths: bool = False,
    initial: bool = False,
    scale: float = 0.4,
    dtype: type = np.float32,
    opset: int = OPSET,
    **attributes: Any,
) -> Any:
    """A ModelProto of one node with random weights, whose outputs are Y and final states."""
    from onnx import TensorProto, helper, numpy_helper

    rng, d, g = np.random.default_rng(3), 2 if direction == "bidirectional" else 1, GATES[kind]
    float_type = TensorProto.DOUBLE if dtype is np.float64 else TensorProto.FLOAT
    weights: dict[str, tuple[int, ...]] = {"W": (d, g * N, F), "R": (d, g * N, N)}
    weights |= {"B": (d, 2 * g * N)} if bias else {}
    weights |= {"P": (d, 3 * N)} if peepholes else {}
    states = [f"initial_{k}" for k in range(STATES[kind])]
    names = ["X", "W", "R", "B" * bias, "lengths" * lengths, *[s * initial for s in states]]
    names += ["P"] * peepholes
    ends = ["Y", "Y_h", "Y_c"][: 1 + STATES[kind]]
    node = helper.make_node(
        kind, names, ends, hidden_size=N, direction=direction, name="the_node", **attributes
    )
    info = helper.make_tensor_value_info
    inputs = [info("X", float_type, ["T", "B", F])]
    inputs += [info("lengths", TensorProto.INT32, ["B"])] * lengths
    inputs += [info(s, float_type, [d, "B", N]) for s in states] * initial
    outputs = [info(name, float_type, None) for name in ends]
    arrays = [
        numpy_helper.from_array((scale * rng.normal(size=shape)).astype(dtype), name)
        for name, shape in weights.items()
    ]
    graph = helper.make_graph([node], "graph", inputs, outputs, arrays)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def ort(model: Any, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """The outputs of onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    return list(session.run(None, dict(feeds)))


def feeds_of(model: Any, rng: np.random.Generator, lengths: list[int]) -> dict[str, np.ndarray]:
    """Random arrays for the inputs of such a model."""
    sizes = {"T": T, "B": B}
    shapes = {
        each.name: [d.dim_value or sizes[d.dim_param] for d in each.type.tensor_type.shape.dim]
        for each in model.graph.input
    }
    types = {
        each.name: np.float64 if each.type.tensor_type.elem_type == 11 else np.float32
        for each in model.graph.input
    }
    found = {name: rng.normal(size=shape).astype(types[name]) for name, shape in shapes.items()}
    return found | ({"lengths": np.array(lengths, np.int32)} if "lengths" in found else {})


def turned(array: np.ndarray) -> np.ndarray:
    """A state (D, B, N), or a series (T, D, B, N), with the batch first, without an axis D of 1."""
    found = array.swapaxes(-3, -2)
    return found.squeeze(-2) if found.shape[-2] == 1 else found


def ours_of(feeds: Mapping[str, np.ndarray]) -> tuple[Any, dict[str, np.ndarray]]:
    """The same arrays as a run here takes them: x or a dict of inputs, and lengths."""
    inputs = {
        name: array if name == "X" else turned(array)
        for name, array in feeds.items()
        if name != "lengths"
    }
    lengths = {"lengths": feeds["lengths"]} if "lengths" in feeds else {}
    return inputs if len(inputs) > 1 else inputs["X"], lengths


def backend_cases() -> dict[str, tuple[Any, list[np.ndarray], list[np.ndarray]]]:
    """The recurrent cases of onnx's backend tests: node, inputs, outputs."""
    import importlib
    import inspect

    found: dict[str, tuple[Any, list[np.ndarray], list[np.ndarray]]] = {}

    def expect(node: Any, inputs: list[np.ndarray], outputs: list[np.ndarray], name: str) -> None:
        found[name] = node, inputs, outputs

    for kind in ("lstm", "gru", "rnn"):
        module = importlib.import_module(f"onnx.backend.test.case.node.{kind}")
        before = vars(module)["expect"]
        vars(module)["expect"] = expect
        try:
            for _, case in inspect.getmembers(module, inspect.isclass):
                for _, export in inspect.getmembers(case, inspect.isfunction):
                    getattr(export, "__name__", "").startswith("export") and export()
        finally:
            vars(module)["expect"] = before
    return found


def backend_model(node: Any, inputs: list[np.ndarray]) -> Any:
    """A model of a case, whose weights are in the file; x alone is an input."""
    from onnx import TensorProto, helper, numpy_helper

    names = list(node.input)
    arrays = [
        numpy_helper.from_array(array, name) for name, array in zip(names, inputs, strict=True)
    ]
    shape = list(inputs[0].shape)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in node.output if name
    ]
    x = helper.make_tensor_value_info(names[0], TensorProto.FLOAT, shape)
    graph = helper.make_graph([node], "case", [x], ends, arrays[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
