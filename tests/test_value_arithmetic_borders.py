"""Arithmetic of symbolic values: what they do not do names the layer that does it."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

OWN = r"layer of your own: help\('rnnbp.missing'\)"
POWERS = r"whole number or ½, not 0; for others, .*Exp\(\)\(b \* Log\(\)\(a\)\)"
REFUSED: dict[str, tuple[Callable[[Any], Any], str]] = {
    "power 0": (lambda a: a**0, POWERS),
    "power 1.5": (lambda a: a**1.5, POWERS),
    "power of infinity": (lambda a: a ** float("inf"), POWERS),
    "power NaN": (lambda a: a ** float("nan"), POWERS),
    "power True": (lambda a: a**True, POWERS),
    "power of values": (lambda a: a**a, POWERS),
    "power of an array": (lambda a: a ** np.ones(3), POWERS),
    "power of a number": (lambda a: 2**a, POWERS),
    "NumPy's power of a number": (lambda a: np.power(2, a), POWERS),
    "NumPy's sine": (np.sin, r"np\.sin does not take .*" + OWN),
    "NumPy's log1p": (np.log1p, r"take Log\(\)\(1 \+ a\)"),
    "NumPy's maximum": (lambda a: np.maximum(a, 0), r"Clip\(low=number\)\(a\), of 0 ReLU\(\)\(a\)"),
    "NumPy's minimum": (lambda a: np.minimum(np.ones(3), a), r"Clip\(high=number\)\(a\)"),
    "NumPy's out": (lambda a: np.exp(a, out=np.ones(3)), r"take Exp\(\)\(a\)"),
    "NumPy's reduce": (lambda a: np.add.reduce(a), OWN),
    "stride": (lambda a: a[::2], r"in order, .*Concat\(1, 1\)\(a\[0:1\], a\[2:3\]\)"),
    "backwards": (lambda a: a[::-1], r"in order"),
    "a list of features": (lambda a: a[[0, 2]], r"slice or an integer; .*Split"),
    "two axes": (lambda a: a[0, 1], r"slice or an integer; .*no axes here"),
    "a mask": (lambda a: a[np.ones(3, bool)], "slice or an integer"),
    "a flag": (lambda a: a[True], "slice or an integer"),
    "unpacking": (lambda a: [*a], "Split"),
    "comparison": (lambda a: a > 0, r"ReLU\(\)\(a\).*Sigmoid\(\)\(a\)"),
    "max": (lambda a: max(a, a * 2), r"ReLU\(\)\(a\)"),
    "logic": (lambda a: a & a, "a graph has no branches"),
    "a weight": (lambda a: a @ 2.0, r"Dense\(n, m, bias=False\)\(a\)"),
    "a weight on the left": (lambda a: 2.0 @ a, r"Dense\(n, m, bias=False\)\(a\)"),
    "a list": (lambda a: a * [1, 2, 3], r"found list; give an array, .*np\.array\("),
    "an array of complex numbers": (
        lambda a: a * np.ones(3, complex),
        "real numbers, found dtype complex",
    ),
    "an array of texts": (lambda a: a + np.array(["a"] * 3), "real numbers, found dtype <U1"),
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
    ("name", "text"),
    [
        ("sum", r"Sum\(\)"),
        ("reshape", "Reshape"),
        ("exp", r"Exp\(\)"),
        ("sin", "layer of your own"),
    ],
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
    with pytest.raises(rb.ShapeError, match=r"\(input 0 is 'rate', input 1 is 'gate'\)$"):
        rb.Input(3, "rate") / rb.Input(2, "gate")


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
    for zero in (0, np.array([1.0, 0.0, 2.0])):
        with pytest.raises(ZeroDivisionError, match="divided by 0"):
            a / zero
    assert a == a
    assert a in {a: 1}
    assert copy.copy(a).shape == pickle.loads(pickle.dumps(a)).shape == (3,)


NAMES: dict[str, tuple[Any, str, str]] = {
    "another module": (rb, "Adam", "; it is rnnbp.optim.Adam"),
    "PyTorch's": (rb, "Linear", "; it is called Dense here"),
    "not there": (rb, "Lambda", r"; .*help\('rnnbp.missing'\)"),
    "Keras's": (rb, "TimeDistributed", "; every layer acts on each step"),
    "a slip": (rb, "Sequental", r" \(did you mean 'Sequential'"),
    "a function": (rb, "exp", r"take Exp\(\)\(a\)"),
    "a loss": (rb.losses, "MSELoss", "; it is called MeanSquaredError here"),
    "an optimizer": (rb.optim, "Nadam", r" \(did you mean 'Adam'"),
    "a schedule": (rb.schedules, "revolve", r" \(did you mean 'Revolve'"),
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
