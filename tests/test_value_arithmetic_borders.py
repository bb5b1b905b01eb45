"""Arithmetic of symbolic values: what they do not do names the layer that does it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

ARRAY = np.ones(3)
OWN = r"layer of your own: help\('rnnbp.missing'\)"
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "quotient": (lambda a: a / a, "not divided by a value; .*for a value write a " + OWN),
    "reciprocal": (lambda a: 1 / a, OWN),
    "square": (lambda a: a**2, r"write a \* a"),
    "power of a number": (lambda a: 2**a, OWN),
    "absolute value": (abs, OWN),
    "NumPy's exp": (np.exp, r"np\.exp does not take .*" + OWN),
    "NumPy's tanh": (np.tanh, r"take Tanh\(\)\(a\)"),
    "NumPy's maximum": (lambda a: np.maximum(a, 0), r"ReLU\(\)\(a\)"),
    "item": (lambda a: a[0], r"Slice\(n, start, stop\)\(a\)"),
    "slice": (lambda a: a[..., :2], r"Slice\(n, start, stop\)\(a\).*Split"),
    "unpacking": (lambda a: [*a], "Split"),
    "comparison": (lambda a: a > 0, r"ReLU\(\)\(a\).*Sigmoid\(\)\(a\)"),
    "max": (lambda a: max(a, a * 2), r"ReLU\(\)\(a\)"),
    "logic": (lambda a: a & a, "a graph has no branches"),
    "a weight": (lambda a: a @ np.ones((3, 3)), r"Dense\(n, m, bias=False\)\(a\)"),
    "a weight on the left": (lambda a: np.ones((3, 3)) @ a, r"Dense\(n, m, bias=False\)\(a\)"),
    "an array": (
        lambda a: a * ARRAY,
        r"learned for each feature, or given, .*help\('rnnbp.missing'\)",
    ),
    "an array on the left": (lambda a: ARRAY * a, "found ndarray; .*make it an Input"),
    "a list": (lambda a: a * [1, 2, 3], "found list"),
    "a scalar array": (lambda a: a * np.array(2.0), "give a number, as 2.0"),
    "a layer": (lambda a: a * rb.Tanh(), r"call the layer on a value first, as Tanh\(...\)\(a\)"),
    "float": (float, r"rnnbp\.predict\(model, x\)"),
}


@pytest.mark.quick
@pytest.mark.parametrize("case", REFUSED)
def test_what_there_is_not_names_the_layer(case: str) -> None:
    call, text = REFUSED[case]
    with pytest.raises(TypeError, match=text):
        call(rb.Input(3))


@pytest.mark.parametrize(
    ("name", "text"), [("sum", "Dense"), ("reshape", "Reshape"), ("exp", "layer of your own")]
)
def test_methods_of_arrays_name_it_too(name: str, text: str) -> None:
    with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*{text}"):
        getattr(rb.Input(3), name)


@pytest.mark.parametrize("join", [lambda a, b: a * b, lambda a, b: b + a, lambda a, b: a - b])
def test_one_feature_and_several(join: Callable[[Any, Any], Any]) -> None:
    """y = gate · x, the gate one number for each step: as NumPy's broadcasting."""
    i, gate = rb.Input(3), rb.Dense(3, 1, bias=False, rng=0, dtype="float64")
    model = rb.Graph(i, join(i, gate(i)))
    x = np.random.default_rng(0).normal(size=(4, 2, 3))
    y, _ = rb.predict(model, x)
    assert np.allclose(y, join(x, x @ gate.params["weight"].T), rtol=1e-14)
    assert rb.check_grads(model, x).worst < 1e-12


def test_shapes_that_do_not_fit_are_named_with_the_cure() -> None:
    with pytest.raises(rb.ShapeError, match=r"found .2,. as input 1; .*one feature, which is rep"):
        rb.Input(3) * rb.Input(2)


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        (lambda a: a / 4, 0.25),
        (lambda a: +a, 1.0),
        (lambda a: np.float32(2) * a, 2.0),
        (lambda a: a * np.float64(3), 3.0),
        (lambda a: np.float64(5) - a, 4.0),
        (lambda a: np.int64(5) + a, 6.0),
    ],
)
def test_what_there_is(compute: Callable[[Any], Any], expected: float) -> None:
    a = rb.Input(1)
    y, _ = rb.predict(rb.Graph(a, rb.Identity()(compute(a))), np.ones((1, 1, 1)))
    assert y.item() == expected


def test_division_by_0_is_refused_and_values_are_compared_and_copied_as_objects() -> None:
    a = rb.Input(3)
    with pytest.raises(ZeroDivisionError, match="divided by 0"):
        a / 0
    assert a == a
    assert a in {a: 1}
    assert copy.copy(a).shape == pickle.loads(pickle.dumps(a)).shape == (3,)


NAMES: dict[str, tuple[Any, str, str]] = {
    "another module": (rb, "Adam", "; it is rnnbp.optim.Adam"),
    "PyTorch's": (rb, "Linear", "; it is called Dense here"),
    "not there": (rb, "Bidirectional", r"; .*help\('rnnbp.missing'\)"),
    "Keras's": (rb, "TimeDistributed", "; every layer acts on each step"),
    "a slip": (rb, "Sequental", ", did you mean 'Sequential'"),
    "a function": (rb, "exp", "layer of your own"),
    "a loss": (rb.losses, "MSELoss", "; it is called MeanSquaredError here"),
    "an optimizer": (rb.optim, "Nadam", ", did you mean 'Adam'"),
    "a schedule": (rb.schedules, "revolve", ", did you mean 'Revolve'"),
    "nothing like it": (rb, "zzz", "no attribute 'zzz'$"),
}


@pytest.mark.quick
@pytest.mark.parametrize("case", NAMES)
def test_a_name_that_a_module_lacks(case: str) -> None:
    module, name, text = NAMES[case]
    with pytest.raises(AttributeError, match=text):
        getattr(module, name)


OF_MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "parameters": (
        lambda: rb.LSTM(3, 4).parameters,
        "'Recurrent' object has no attribute 'parameters'; model.params",
    ),
    "state_dict": (lambda: rb.Sequential(rb.Tanh()).state_dict, "rnnbp.save_weights"),
    "fit": (lambda: rb.Sequential(rb.Tanh()).fit, r"rnnbp.fit\(model, data, loss\)"),
    "predict": (lambda: rb.LSTM(3, 4).predict, r"rnnbp.predict\(model, x\)"),
    "eval": (lambda: rb.LSTM(3, 4).eval, "in evaluation mode as it is"),
    "weight": (lambda: rb.Dense(3, 4).weight, r"params\['weight'\]"),  # type: ignore[attr-defined]
    "none": (lambda: rb.Dense(3, 4).colour, "'Dense' object has no attribute 'colour'$"),  # type: ignore[attr-defined]
}


@pytest.mark.parametrize("case", OF_MODELS)
def test_a_name_that_models_have_elsewhere(case: str) -> None:
    call, text = OF_MODELS[case]
    with pytest.raises(AttributeError, match=text):
        call()


class Faulty(rb.Layer):
    """A layer of the user's with a property that asks for what is not there."""

    @property
    def weight(self) -> Any:
        return self.missing_part

    def forward(self, *xs: Any, **context: Any) -> Any: ...
    def backward_inputs(self, saved: Any, dy: Any) -> Any: ...
    def output_shapes(self, *shapes: Any) -> Any: ...


def test_the_error_of_a_users_property_stays() -> None:
    with pytest.raises(AttributeError, match=r"'Faulty' object has no attribute 'missing_part'$"):
        Faulty().weight  # noqa: B018


@pytest.mark.parametrize(
    ("blocks", "text"),
    [
        ([[rb.LSTM(3, 4), rb.Tanh()]], r"give them one by one, Sequential\(\*layers\)"),
        ([rb.LSTM(3, 4), np.tanh], r"give Tanh\(\)"),
        ([rb.Tanh], r"give Tanh\(\)"),
        ([rb.LSTM], "build it first"),
        (["lstm"], "build it first"),
    ],
)
def test_a_sequential_of_what_is_no_layer(blocks: list[Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        rb.Sequential(*blocks)
