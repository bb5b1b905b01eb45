"""Recurrent nodes of ONNX read here: against onnxruntime, and against onnx's own cases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.onnx_nodes import (
    B,
    F,
    N,
    T,
    backend_cases,
    backend_model,
    feeds_of,
    node_model,
    ort,
    ours_of,
    turned,
)

pytest.importorskip("onnxruntime")

NEAR = 2e-6
DIRECTIONS = {"forward": 1, "reverse": 1, "bidirectional": 2}
LSTMS: list[dict[str, Any]] = [
    {},
    {"peepholes": True},
    {"input_forget": 1},
    {"peepholes": True, "input_forget": 1},
]
KINDS: list[tuple[str, dict[str, Any]]] = [
    *[("LSTM", options) for options in LSTMS],
    ("GRU", {}),
    ("GRU", {"linear_before_reset": 1}),
    ("RNN", {}),
    ("RNN", {"activations": ["Relu"]}),
]
MORE: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"lengths": True},
    {"initial": True},
    {"lengths": True, "initial": True},
    {"clip": 0.3},
    {"clip": 0.3, "lengths": True, "initial": True},
]
"""What each kind is combined with."""


def check(kind: str, options: dict[str, Any], seed: int = 1) -> rb.Graph:
    """Y and final states of a node equal onnxruntime's."""
    proto = node_model(kind, **options)
    feeds = feeds_of(proto, np.random.default_rng(seed), lengths=[T, 2, 4])
    model, (x, more) = rb.interchange.from_onnx(proto), ours_of(feeds)
    found, wanted = rb.predict(model, x, **more)[0], ort(proto, feeds)
    for name, array in zip(("Y", "Y_h", "Y_c"), wanted, strict=False):
        expected = turned(array)
        assert (found[name].shape, found[name].dtype) == (expected.shape, expected.dtype)
        assert np.abs(found[name] - expected).max() <= NEAR * np.abs(expected).max()
    return model


def with_all(options: dict[str, Any], direction: str) -> dict[str, Any]:
    """Options of a node of a direction, whose activations are for each of its directions."""
    times = (
        {"activations": options["activations"] * DIRECTIONS[direction]}
        if "activations" in options
        else {}
    )
    return {**options, **times, "direction": direction}


@pytest.mark.one_in(4, "direction")
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize(("kind", "options"), KINDS[1::2])
def test_a_node_computes_what_onnxruntime_does(
    kind: str, options: dict[str, Any], direction: str
) -> None:
    check(kind, with_all({**options, "lengths": True, "initial": True}, direction))


@pytest.mark.long
@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("more", MORE, ids=str)
@pytest.mark.parametrize(("kind", "options"), KINDS)
def test_all_combinations(
    kind: str, options: dict[str, Any], more: dict[str, Any], direction: str
) -> None:
    check(kind, with_all({**options, **more}, direction))


ACTIVATIONS = [
    "Affine",
    "LeakyRelu",
    "ScaledTanh",
    "HardSigmoid",
    "Elu",
    "Softsign",
    "Softplus",
    "Relu",
    "Sigmoid",
]


@pytest.mark.long
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_with_their_parameters(name: str) -> None:
    """Parameters are for those activations alone that have some, in their order."""
    parameters = {"activation_alpha": [0.3, 0.6], "activation_beta": [0.4, 0.7]}
    check("RNN", {"activations": [name], "activation_alpha": [0.6], "activation_beta": [0.7]})
    check("GRU", {"activations": ["HardSigmoid", name], **parameters})
    check("LSTM", {"activations": ["HardSigmoid", name, "Tanh"], **parameters})


def test_lengths_that_are_all_steps_are_left_out() -> None:
    """As tf2onnx writes them for Keras: the number of steps, for each sequence."""
    from onnx import helper, numpy_helper

    proto, node = node_model("GRU", lengths=True), helper.make_node
    nodes = [
        node("Shape", ["X"], ["s"]),
        node("Gather", ["s", "zero"], ["t"]),
        node("Gather", ["s", "one"], ["b"]),
    ]
    nodes += [node("Expand", ["t", "b"], ["e"]), node("Cast", ["e"], ["lengths"], to=6)]
    recurrent = proto.graph.node[0]
    del proto.graph.node[:], proto.graph.input[1:]
    proto.graph.node.extend([*nodes, recurrent])
    for name, value in {"zero": [0], "one": [1]}.items():
        proto.graph.initializer.append(numpy_helper.from_array(np.array(value), name))
    x = np.random.default_rng(1).normal(size=(T, B, F)).astype("float32")
    found = rb.predict(rb.interchange.from_onnx(proto), x)[0]["Y"]
    wanted, _ = ort(proto, {"X": x})
    assert np.abs(found - turned(wanted)).max() <= NEAR * np.abs(wanted).max()


def test_activations_of_each_direction() -> None:
    names = ["Sigmoid", "LeakyRelu", "Tanh", "HardSigmoid", "Elu", "Softsign"]
    options = {"activations": names, "activation_alpha": [0.2, 0.3, 0.4], "activation_beta": [0.5]}
    check("LSTM", {"direction": "bidirectional", "clip": 0.5, "peepholes": True, **options})


@pytest.mark.parametrize("name", ["LeakyRelu", "HardSigmoid", "Elu"])
def test_activations_have_the_defaults_of_their_operators(name: str) -> None:
    check("RNN", {"activations": [name]})


CASES = backend_cases()


@pytest.mark.parametrize("name", CASES)
def test_cases_of_onnx(name: str) -> None:
    node, inputs, outputs = CASES[name]
    model = rb.interchange.from_onnx(backend_model(node, inputs))
    x = inputs[0].swapaxes(0, 1) if "batchwise" in name else inputs[0]
    y = rb.predict(model, np.ascontiguousarray(x))[0]
    found = list(y.values()) if isinstance(y, dict) else [y]
    names = [each for each in node.output if each]
    assert len(found) == len(names)
    for array, expected, end in zip(found, outputs, names, strict=True):
        wanted = order(expected, end, name).reshape(-1)
        assert np.abs(array.reshape(-1) - wanted).max() <= NEAR * np.abs(wanted).max()


def order(expected: np.ndarray, end: str, name: str) -> np.ndarray:
    """An output of a case with time first, then the batch."""
    batch_first = {
        "Y": expected.swapaxes(0, 1) if expected.ndim == 4 else expected,
        "Y_h": expected,
    }
    return batch_first[end] if "batchwise" in name else turned(expected)


def test_all_recurrent_cases_of_onnx_are_read() -> None:
    """None of them is left out, so that a new one shows itself."""
    assert len(CASES) >= 18


BUILT: dict[str, Callable[[], rb.Recurrent]] = {
    "LSTM": lambda: rb.LSTM(F, N),
    "GRU": lambda: rb.GRU(F, N, reset_after=False),
    "RNN": lambda: rb.RNN(F, N),
}
"""The cells that nodes of ONNX's default form are."""


@pytest.mark.parametrize("kind", BUILT)
def test_parameters_are_those_of_the_cells_here(kind: str) -> None:
    """The built-in cell, whose output is that of the node, with weights that can be trained."""
    model = rb.interchange.from_onnx(node_model(kind, dtype=np.float64))
    layer = next(iter(model.layers))
    assert layer.cell.made is not None
    assert [p.shape for p in model.params.values()] == [
        p.shape for p in BUILT[kind]().params.values()
    ]
    assert model.dtype == np.float64


@pytest.mark.parametrize(
    "kind", ["RNN", *[pytest.param(kind, marks=pytest.mark.long) for kind in ("LSTM", "GRU")]]
)
def test_gradients_of_a_custom_cell(kind: str) -> None:
    """Of one with a clip, by complex steps, in float64."""
    model = rb.interchange.from_onnx(node_model(kind, clip=0.9, dtype=np.float64))
    rng = np.random.default_rng(2)
    layer = next(iter(model.layers))
    result = rb.check_grads(
        layer, rng.normal(size=(T, B, 4)), rng.normal(size=(T, B, 5)), rb.losses.MeanSquaredError()
    )
    assert result.worst < 1e-9
