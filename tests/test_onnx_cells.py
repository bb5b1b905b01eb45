"""Coupled gates and peepholes against onnxruntime, whose LSTM is that of ONNX, in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
T, B, N_IN, N = 17, 5, 6, 8


def run(x: np.ndarray, of_lstm: dict[str, np.ndarray], **attributes: Any) -> list[np.ndarray]:
    """[y, h, c] of ONNX's LSTM on a series and its weights, by the names of its inputs there."""
    float32 = onnx.TensorProto.FLOAT
    names = ["X", "W", "R", "B", "", "initial_h", "initial_c", "P"]
    given = [name if name in {"X", *of_lstm} else "" for name in names]
    outputs = ["Y", "Y_h", "Y_c"]
    node = onnx.helper.make_node("LSTM", given, outputs, hidden_size=N, **attributes)
    inputs = [onnx.helper.make_tensor_value_info("X", float32, x.shape)]
    held = [onnx.numpy_helper.from_array(array, name) for name, array in of_lstm.items()]
    ends = [onnx.helper.make_tensor_value_info(name, float32, None) for name in outputs]
    graph = onnx.helper.make_graph([node], "lstm", inputs, ends, held)
    opset = onnx.helper.make_opsetid("", 14)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    y, h, c = session.run(None, {"X": x})
    return [y[:, 0], h[0], c[0]]


def gate_by_gate(array: np.ndarray, gates: str) -> np.ndarray:
    """The rows of gates in ONNX's order, i, o, f, c; of a gate that is not there 7, unread."""
    parts = dict(zip(gates, np.split(array, len(gates)), strict=True))
    parts.setdefault("f", np.full_like(parts["i"], 7))
    return np.concatenate([parts[gate] for gate in "iofg"])[None]


def weights(model: rb.Recurrent, gates: str) -> dict[str, np.ndarray]:
    p = model.params
    for k, array in enumerate(p.values()):
        array[...] = 0.5 * reals(*array.shape, seed=k)
    h, c = (reals(B, N, dtype="float32", seed=k) for k in (20, 21))
    biases = [gate_by_gate(p[name], gates) for name in ("bias_ih", "bias_hh")]
    seen = {"P": np.concatenate([p.get(f"weight_c{g}", h[0]) for g in "iof"])[None]}
    return (seen if "weight_ci" in p else {}) | {
        "W": gate_by_gate(p["weight_ih"], gates), "R": gate_by_gate(p["weight_hh"], gates),
        "B": np.concatenate(biases, axis=1), "initial_h": h[None], "initial_c": c[None],
    }  # fmt: skip


CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "plain": ({}, "ifgo", {}),
    "peepholes": ({"peepholes": True}, "ifgo", {}),
    "peepholes and coupled gates": (
        {"peepholes": True, "coupled": True},
        "igo",
        {"input_forget": 1},
    ),
    "coupled": ({"coupled": True}, "igo", {"input_forget": 1}),
}


@pytest.mark.parametrize("case", CASES)
def test_an_lstm_is_that_of_onnx(case: str) -> None:
    options, gates, attributes = CASES[case]
    model = rb.LSTM(N_IN, N, **options)
    given, x = weights(model, gates), reals(T, B, N_IN, dtype="float32")
    y, (state,) = rb.predict(model, x, state=(given["initial_h"][0], given["initial_c"][0]))
    expected = run(x, given, **attributes)
    for found, wanted in zip((y, *state), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-6)
