"""Directions and lengths of rows against onnxruntime: sequence_lens and direction of ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
T, B, N_IN, N = 13, 5, 4, 6
LENGTHS = np.array([6, 13, 1, 9, 4])
GATES = {"LSTM": ("ifgo", "iofg"), "GRU": ("rzn", "zrn"), "RNN": ("h", "h")}
"""The order of gates here, and in ONNX."""
CELLS: dict[str, Any] = {"LSTM": rb.LSTM, "GRU": rb.GRU, "RNN": rb.RNN}
STATES = {"LSTM": 2, "GRU": 1, "RNN": 1}


def in_onnx(kind: str, array: np.ndarray) -> np.ndarray:
    ours, theirs = GATES[kind]
    parts = dict(zip(ours, np.split(array, len(ours)), strict=True))
    return np.concatenate([parts[gate] for gate in theirs])


def run(kind: str, cells: list[Any], x: np.ndarray, state: list[Any], direction: str) -> list[Any]:
    """Y (T, D, B, N), and the final states (D, B, N), of ONNX."""
    params = [cell.params for cell in cells]
    biases = [
        np.concatenate([in_onnx(kind, p[name]) for name in ("bias_ih", "bias_hh")]) for p in params
    ]
    given = {
        "W": np.stack([in_onnx(kind, p["weight_ih"]) for p in params]),
        "R": np.stack([in_onnx(kind, p["weight_hh"]) for p in params]),
        "B": np.stack(biases),
        "lens": LENGTHS.astype(np.int32),
    }
    starts = ["initial_h", "initial_c"][: STATES[kind]]
    given |= {name: np.stack([s[j] for s in state]) for j, name in enumerate(starts)}
    outputs = ["Y", "Y_h", "Y_c"][: 1 + STATES[kind]]
    attributes: dict[str, Any] = {"linear_before_reset": 1} if kind == "GRU" else {}
    node = onnx.helper.make_node(
        kind, ["X", "W", "R", "B", "lens", *starts], outputs,
        hidden_size=N, direction=direction, **attributes,
    )  # fmt: skip
    float32 = onnx.TensorProto.FLOAT
    held = [onnx.numpy_helper.from_array(array, name) for name, array in given.items()]
    inputs = [onnx.helper.make_tensor_value_info("X", float32, x.shape)]
    ends = [onnx.helper.make_tensor_value_info(name, float32, None) for name in outputs]
    graph = onnx.helper.make_graph([node], kind, inputs, ends, held)
    opset = onnx.helper.make_opsetid("", 14)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return list(session.run(None, {"X": x}))


def cell(kind: str, seed: int, **options: Any) -> Any:
    found = CELLS[kind](N_IN, N, **options)
    for k, array in enumerate(found.params.values()):
        array[...] = 0.5 * reals(*array.shape, seed=seed + k)
    return found


def series() -> np.ndarray:
    return reals(T, B, N_IN, dtype="float32", seed=3)


def states(kind: str, directions: int) -> list[tuple[np.ndarray, ...]]:
    return [
        tuple(reals(B, N, dtype="float32", seed=30 + 10 * k + j) for j in range(STATES[kind]))
        for k in range(directions)
    ]


def near(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("kind", CELLS)
def test_one_direction(kind: str, direction: str) -> None:
    model, x, state = cell(kind, 1, reverse=direction == "reverse"), series(), states(kind, 1)
    expected, *final = run(kind, [model], x, state, direction)
    y, (end,) = rb.predict(model, x, state=state[0], lengths=LENGTHS, chunk=4)
    near(y, expected[:, 0])
    for ours, theirs in zip(end, final, strict=True):
        near(ours, theirs[0])


@pytest.mark.parametrize("kind", CELLS)
def test_both_directions(kind: str) -> None:
    cells, x, state = [cell(kind, 1), cell(kind, 20)], series(), states(kind, 2)
    expected, *final = run(kind, cells, x, state, "bidirectional")
    y, ends = rb.predict(rb.Bidirectional(*cells), x, state=state, lengths=LENGTHS, chunk=4)
    near(y, np.concatenate([expected[:, 0], expected[:, 1]], axis=-1))
    for at, end in enumerate(ends):
        for ours, theirs in zip(end, final, strict=True):
            near(ours, theirs[at])
