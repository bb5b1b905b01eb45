"""Networks over time, of several inputs, outputs and time axes, of states as values, in ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import attention_models, matrix_models, parameter_models, penalty_models
from tests.helpers import Array, reals
from tests.onnx_runs import agree, randomised, session
from tests.over_time_cases import case
from tests.over_time_layers import N
from tests.over_time_models import EVERY
from tests.over_time_random import network

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore:Last")
SOME = ["several", "two axes", "by additive attention", "all reductions", "states as outputs"]
STEPS = {"time": 6, "source": 5}


def single(given: Any) -> Any:
    """Floats in single precision."""
    return given.astype("float32") if given.dtype.kind == "f" else given


def named(model: Any, arrays: Any) -> dict[str, Array]:
    """Inputs by the names that they have in a file."""
    cell = model.cell if isinstance(model, rb.Recurrent) else model
    given = arrays if isinstance(arrays, tuple) else (arrays,)
    usual = [f"x{k}" for k in range(len(given))] if len(given) > 1 else ["x"]
    names = [name or usual[k] for k, name in enumerate(cell.input_names[: len(given)])]
    return dict(zip(names, map(single, given), strict=True))


def check(name: str, size: str, folder: Path) -> None:
    one = case(name, size)
    model, lengths = one.model.astype("float32"), one.options.get("lengths")
    given = named(model, one.x) if isinstance(model, rb.Graph) else {"x": single(one.x)}
    run = session(model, folder, lengths=lengths is not None)
    agree(run, model, given, lengths=lengths)


@pytest.mark.parametrize("name", SOME)
def test_some_networks(name: str, tmp_path: Path) -> None:
    check(name, "ragged", tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(
    "size",
    [
        "ragged",
        *[pytest.param(s, marks=pytest.mark.grid) for s in ("whole", "one step", "one row")],
    ],
)
@pytest.mark.parametrize("name", EVERY)
def test_networks(name: str, size: str, tmp_path: Path) -> None:
    check(name, size, tmp_path)


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int, tmp_path: Path) -> None:
    """In double precision."""
    model = network(seed)
    lead = [(STEPS[axis], 4) if axis else (4,) for axis in model.axes]
    given = {name: reals(*lead[k], N, seed=k) for k, name in enumerate(model.input_names)}
    axes = [axis for axis in dict.fromkeys(model.axes) if axis]
    by_axis = {axis: np.array([STEPS[axis], 2, 1, 4]) for axis in axes}
    lengths = by_axis if len(axes) > 1 else by_axis[axes[0]]
    agree(session(model, tmp_path), model, given)
    agree(session(model, tmp_path, lengths=True), model, given, lengths=lengths)


@pytest.mark.parametrize("kind", ["dot", "additive"])
@pytest.mark.parametrize("name", attention_models.MODELS)
def test_memories_of_any_number_of_steps(name: str, kind: str, tmp_path: Path) -> None:
    model = attention_models.MODELS[name](kind).astype("float32")
    given, _ = attention_models.data(name, kind)
    shapes = {"memory": (None, attention_models.lines(kind)), "mask": (None,)}
    inputs = {key: single(array) for key, array in given.items()}
    run = session(model, tmp_path, shape={key: shapes[key] for key in given if key in shapes})
    agree(run, model, inputs)


@pytest.mark.long
@pytest.mark.parametrize("name", parameter_models.MODELS)
def test_functions_of_parameters(name: str, tmp_path: Path) -> None:
    model = parameter_models.MODELS[name](4).astype("float32")
    given, _ = parameter_models.data(name, 5, 3, 4)
    agree(session(model, tmp_path), model, named(model, given))


@pytest.mark.long
@pytest.mark.parametrize("name", penalty_models.MODELS)
def test_penalties_are_left_out(name: str, tmp_path: Path) -> None:
    model = penalty_models.MODELS[name](4).astype("float32")
    given, _ = penalty_models.data(name, 5, 3, 4)
    agree(session(model, tmp_path), model, named(model, given))


@pytest.mark.long
@pytest.mark.parametrize("name", matrix_models.MODELS)
def test_matrices_of_features(name: str, tmp_path: Path) -> None:
    model = matrix_models.MODELS[name]().astype("float32")
    given, _ = matrix_models.data(5, 3)
    agree(session(model, tmp_path), model, named(model, given))


def test_a_function_of_parameters_is_outside_the_scan(tmp_path: Path) -> None:
    """|W| times signs, of Dale's law, once for all steps."""
    model, path = parameter_models.dale(4).astype("float32"), tmp_path / "a.onnx"
    rb.interchange.to_onnx(model, path)
    graph = onnx.load(path).graph
    (scan,) = [node for node in graph.node if node.op_type == "Scan"]
    body = next(a.g for a in scan.attribute if a.name == "body")
    assert "Abs" in [node.op_type for node in graph.node]
    assert "Abs" not in [node.op_type for node in body.node]


def test_states_of_several_recurrents(tmp_path: Path) -> None:
    """Inputs and outputs in the order of predict's states, and their names."""
    model = randomised(rb.Sequential(rb.LSTM(3, 4), rb.Bidirectional(rb.GRU(4, 2), rb.GRU(4, 2))))
    run = session(model, tmp_path, states=True)
    x = reals(5, 2, 3, dtype="float32")
    _, state = rb.predict(model, x)
    agree(run, model, {"x": x}, state=state)
    first = ["initial_h_0", "initial_c_0", "initial_h_1", "initial_h_2"]
    assert [i.name for i in run.get_inputs()] == ["x", *first]
    final = [name.replace("initial", "final") for name in first]
    assert [o.name for o in run.get_outputs()] == ["y", *final]


def test_the_names_of_the_graph(tmp_path: Path) -> None:
    """Of inputs, outputs, axes and parameters."""
    check("two axes", "whole", tmp_path)
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert [i.name for i in graph.input] == ["source", "x"]
    assert [o.name for o in graph.output] == ["y_source", "y_x", "joined"]
    shapes = [
        [d.dim_param or d.dim_value for d in i.type.tensor_type.shape.dim] for i in graph.input
    ]
    assert [shape[:2] for shape in shapes] == [["source", "batch"], ["time", "batch"]]
    held = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    params = case("two axes", "whole").model.astype("float32").params
    assert set(held) > {"6.weight_0", "6.weight_1", "6.bias"}
    np.testing.assert_array_equal(held["6.weight_1"], params["6.weight_1"])
