"""What newcomers type first for files, conversions and estimators: the error says where it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rnnbp as rb

pytestmark = pytest.mark.alike
MODEL = rb.Sequential(rb.Dense(3, 2, name="head"))
ATTRIBUTES: dict[tuple[object, str], str] = {
    (MODEL, "save"): r"rnnbp\.save\(model, path\) writes the whole model",
    (MODEL, "to_onnx"): r"rnnbp\.interchange\.to_onnx\(model, path\)",
    (MODEL, "to_keras"): r"rnnbp\.interchange has to_torch\(model\) and to_keras\(model\)",
    (rb, "to_onnx"): r"it is called rnnbp\.interchange\.to_onnx here",
    (rb, "from_keras"): r"it is called rnnbp\.interchange\.from_keras here",
    (rb.interchange, "load_onnx"): "it is called from_onnx here",
    (rb.interchange, "from_pytorch"): "it is called from_torch here",
}


@pytest.mark.parametrize(("where", "name"), ATTRIBUTES)
def test_a_name_says_where_it_is(where: object, name: str) -> None:
    with pytest.raises(AttributeError, match=ATTRIBUTES[where, name]):
        getattr(where, name)


@pytest.mark.parametrize("name", ["Forecaster", "RecurrentClassifier", "StandardScaler"])
def test_an_estimator_is_found_from_outside(name: str) -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(AttributeError, match=r"it is called rnnbp\.estimators\.(\w+) here") as e:
        getattr(rb, name)
    assert str(e.value).split()[-2].rpartition(".")[2] in rb.estimators.__all__


OPTIONS: dict[str, tuple[Callable[..., object], str]] = {
    "opset_version": (rb.interchange.to_onnx, "it is called 'opset' here"),
    "dynamic_axes": (rb.interchange.to_onnx, "batch and time are always symbolic"),
    "input_names": (rb.interchange.to_onnx, r"rnnbp\.Graph\(x, \{'y': y\}\)"),
    "custom_objects": (rb.load, "it is called 'layers' here"),
    "include_optimizer": (rb.save, r"folder= of rnnbp\.fit keeps the optimiser too"),
}


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_of_another_library_says_what_to_do(name: str) -> None:
    function, expected = OPTIONS[name]
    with pytest.raises(TypeError, match=f"unknown option '{name}'.*{expected}"):
        function(MODEL, "model.onnx", **{name: None})


def test_save_of_an_estimator_says_that_it_has_a_method() -> None:
    pytest.importorskip("sklearn")
    with pytest.raises(TypeError, match=r"its own method save\(path\) writes it"):
        rb.save(rb.estimators.RecurrentClassifier(), "model.safetensors")
