"""Single steps against PyTorch's cells and onnxruntime's LSTM, from the same weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals

STEPS, N_IN, N = 12, 5, 7


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(
    ("kind", "dtype"), [("LSTM", "float64"), ("GRU", "float64"), ("LSTM", "float32")]
)
def test_steps_are_those_of_the_cells_of_pytorch(kind: str, dtype: str, batch: int) -> None:
    torch = pytest.importorskip("torch")
    cell = getattr(torch.nn, f"{kind}Cell")(N_IN, N, dtype=getattr(torch, dtype))
    model, x = getattr(rb, kind)(N_IN, N, dtype=dtype), reals(STEPS, batch, N_IN, dtype=dtype)
    model.params.update({name: p.detach().numpy() for name, p in cell.named_parameters()})
    stepper, state = rb.Stepper(model, batch), None
    for t in range(STEPS):
        with torch.no_grad():
            state = cell(torch.from_numpy(x[t]), state)
        parts = state if isinstance(state, tuple) else (state,)
        found = [stepper.step(x[t]), *stepper.state[0]]
        tolerance = {"float64": 1e-12, "float32": 1e-6}[dtype]
        for one, other in zip(found, (parts[0], *parts), strict=True):
            np.testing.assert_allclose(one, other.numpy(), rtol=0, atol=tolerance)


def one_step(model: rb.Recurrent) -> Any:
    """A session of onnxruntime that does one step of an LSTM, from (x, h, c) to (h, c)."""
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")

    def turned(array: np.ndarray) -> np.ndarray:
        i, f, g, o = np.split(array, 4)
        return np.concatenate([i, o, f, g])

    p, kind, helper = model.params, onnx.TensorProto.FLOAT, onnx.helper
    biases = np.concatenate([turned(p["bias_ih"]), turned(p["bias_hh"])])
    held = {"W": turned(p["weight_ih"])[None], "R": turned(p["weight_hh"])[None], "B": biases[None]}
    node = helper.make_node(
        "LSTM", ["X", "W", "R", "B", "", "h0", "c0"], ["", "h1", "c1"], hidden_size=N
    )
    graph = helper.make_graph(
        [node],
        "step",
        [helper.make_tensor_value_info(name, kind, None) for name in ("X", "h0", "c0")],
        [helper.make_tensor_value_info(name, kind, None) for name in ("h1", "c1")],
        [onnx.numpy_helper.from_array(array, name) for name, array in held.items()],
    )
    opset = helper.make_opsetid("", 14)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=8)
    return onnxruntime.InferenceSession(made.SerializeToString())


def test_steps_are_those_of_onnxruntime() -> None:
    model, x = rb.LSTM(N_IN, N, rng=0), reals(STEPS, 1, 3, N_IN, dtype="float32")
    session, stepper = one_step(model), rb.Stepper(model, 3)
    h = c = np.zeros((1, 3, N), "float32")
    for t in range(STEPS):
        h, c = session.run(None, {"X": x[t], "h0": h, "c0": c})
        np.testing.assert_allclose(stepper.step(x[t, 0]), h[0], rtol=0, atol=1e-6)
        np.testing.assert_allclose(stepper.state[0][1], c[0], rtol=0, atol=1e-6)
