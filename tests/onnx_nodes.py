"""Models of one recurrent node with random weights, and what onnxruntime makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
STATES = {"LSTM": 2, "GRU": 1, "RNN": 1}
T, B, I, N = 6, 3, 4, 5
OPSET = 17


def node_model(
    kind: str,
    *,
    direction: str = "forward",
    peepholes: bool = False,
    bias: bool = True,
    lengths: bool = False,
    initial: bool = False,
    scale: float = 1.0,
    dtype: type = np.float32,
    opset: int = OPSET,
    **attributes: Any,
) -> Any:
    """A ModelProto of one node with random weights, whose outputs are Y and final states."""
    from onnx import TensorProto, helper, numpy_helper

    rng, d, g = np.random.default_rng(3), 2 if direction == "bidirectional" else 1, GATES[kind]
    float_type = TensorProto.DOUBLE if dtype is np.float64 else TensorProto.FLOAT
    weights = {"W": (d, g * N, I), "R": (d, g * N, N)}
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
    inputs = [info("X", float_type, ["T", "B", I])]
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
