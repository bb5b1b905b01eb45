"""Layers and losses that break their contract are named, with what they returned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.plain_layers import Plain, in_cell, rand, weighted


class Doubling(Plain):
    """Promotes float32 to float64, as NumPy does with a float64 scalar."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x * np.float64(2.0), ()


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
@pytest.mark.parametrize("build", [in_cell, lambda layer: rb.Sequential(rb.Dense(3, 3), layer)])
def test_a_layer_that_changes_the_dtype_is_named(build: Any, checkpoint: str) -> None:
    with pytest.raises(
        rb.DtypeError,
        match=r"Doubling\(\): its output has dtype float64, the parameters .* float32",
    ):
        rb.bptt(
            build(Doubling()),
            rand(4, 2, 3),
            rand(4, 2, 3),
            weighted,
            chunk=1,
            checkpoint=checkpoint,
        )


class Wrong(Plain):
    """A layer with a weight whose methods return what the test gives."""

    def __init__(self, **returns: Any) -> None:
        self.params, self.returns = {"w": np.ones(3, np.float32)}, returns

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, Any]:
        return x * self.params["w"], self.returns.get("saved", (x,))

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return self.returns.get("deltas", lambda dy: (dy,))(dy)

    def backward_params(self, saved: Any, dy: np.ndarray) -> Any:
        return self.returns.get("grads", {"w": np.zeros(3)})


BROKEN: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a scalar gradient": (
        {"grads": {"w": np.float32(1)}},
        rb.ShapeError,
        r"gradient of w must have shape \(3,\), found \(\)",
    ),
    "no gradient": ({"grads": {}}, TypeError, r"must return \['w'\], found \[\]"),
    "another gradient": ({"grads": {"w": np.zeros(3), "v": 1}}, TypeError, r"found \['w', 'v'\]"),
    "saved is an array": (
        {"saved": np.ones(3)},
        TypeError,
        "must save a tuple of arrays, found ndarray",
    ),
    "a bare delta": (
        {"deltas": lambda dy: dy},
        TypeError,
        "must return a tuple of 1 deltas, found ndarray",
    ),
    "two deltas": (
        {"deltas": lambda dy: (dy, dy)},
        TypeError,
        "must return a tuple of 1 deltas, found 2 deltas",
    ),
    "a summed delta": (
        {"deltas": lambda dy: (dy.sum(axis=0),)},
        rb.ShapeError,
        r"delta 0 has shape .*, expected .*; give it the shape of input 0",
    ),
}


@pytest.mark.parametrize(
    "build", [in_cell, lambda layer: rb.Sequential(rb.Dense(3, 3), layer)], ids=["cell", "head"]
)
@pytest.mark.parametrize("case", BROKEN)
def test_a_layer_that_breaks_the_contract_is_named(case: str, build: Any) -> None:
    returns, error, message = BROKEN[case]
    with pytest.raises(error, match=rf"Wrong\(\).*{message}"):
        rb.bptt(build(Wrong(**returns)), rand(4, 5, 3), rand(4, 5, 3), weighted, chunk=2)


def spoil_outputs(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    y -= target
    return float((y**2).sum()), 2 * y


def spoil_target(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    target -= y
    return float((target**2).sum()), -2 * target


@pytest.mark.parametrize("loss", [spoil_outputs, spoil_target])
def test_a_loss_that_writes_to_its_arguments_is_stopped(loss: Any) -> None:
    target = rand(4, 2, 4)
    with pytest.raises(ValueError, match="read-only"):
        rb.bptt(rb.RNN(3, 4, rng=0), rand(4, 2, 3), target, loss)
    np.testing.assert_array_equal(target, rand(4, 2, 4))


def test_check_sees_a_wrong_sign_and_small_gradients() -> None:
    class Minus(Plain):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale = scale

        def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
            return (-dy,)

    for scale in (1.0, 1e-8):
        x = rb.Input(3)
        with pytest.raises(rb.GradientError):
            rb.check_grads(rb.Graph(x, Minus(scale)(x) * scale), (rand(2, 3),))


def test_check_needs_samples_and_fitting_arguments() -> None:
    with pytest.raises(ValueError, match="samples must be at least 1, found 0"):
        rb.check_grads(rb.Tanh(), (rand(2, 3),), samples=0)
    lstm = rb.LSTM(3, 4)
    for model, name in ((lstm, r"LSTM\(3, 4\)"), (rb.Sequential(lstm, rb.Tanh()), ".*Tanh.*")):
        with pytest.raises(
            TypeError, match=rf"a tuple of inputs is for a .*, found {name} of one; give x \(T, B"
        ):
            rb.check_grads(model, (rand(2, 2, 3),))
    with pytest.raises(TypeError, match="a tuple of inputs is for a Layer or Graph, found <"):
        rb.check_grads(lambda x: x, (rand(2, 3),))
