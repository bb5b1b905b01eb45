"""Losses of a person's own: derivatives of another dtype or shape, numbers beyond float32."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.users import DTYPES, SAME, SHAPE, SHAPES, Change, dense, every_backend, gradients, lstm


class Squares(rb.losses.Loss):
    """Σ (y − t)², with what ``change`` makes of the derivative."""

    def __init__(self, change: Change = np.asarray) -> None:
        self.change = change

    def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
        return float(np.prod(outputs))

    def summed(self, y: Any, target: Any, weights: Any = None) -> tuple[Any, Any]:
        d = y - target
        return float((d * d).sum(dtype=np.float64)), self.change(2 * d)


LYING = [name for name in SAME if name != "read only"]  # what a loss gives belongs to its caller
MODELS = {"LSTM": lstm, "Dense": lambda: rb.Sequential(lstm(), dense())}


@pytest.mark.one_in(2)
@every_backend
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "change", [DTYPES["float64"], DTYPES["of the other order of bytes"], *map(SAME.get, LYING)]
)
def test_a_derivative_of_a_loss_in_another_dtype(change: Change, model: str, backend: str) -> None:
    expected = gradients(MODELS[model](), "interpreter").grads
    functions = (
        Squares(change),
        lambda y, t: (0.0, change(2 * (y - t) / y.dtype.type(np.prod(SHAPE)))),
    )
    for loss in functions:
        found = gradients(MODELS[model](), backend, loss)
        for name, grad in expected.items():
            np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-7)


@pytest.mark.one_in(2)
@every_backend
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("change", SHAPES)
def test_a_derivative_of_a_loss_in_another_shape(change: str, model: str, backend: str) -> None:
    wrong = SHAPES[change]
    with pytest.raises(
        rb.ShapeError,
        match=r"^Squares\(\) returned dy of shape .* for y of shape \(3, 4, 8\); they must",
    ):
        gradients(MODELS[model](), backend, Squares(wrong))
    with pytest.raises(rb.ShapeError, match=r"^the loss function returned dy of shape"):
        gradients(MODELS[model](), backend, lambda y, t: (0.0, wrong(y - t)))


@every_backend
def test_numbers_beyond_float32(backend: str) -> None:
    x, target = np.zeros((2, *SHAPE), np.float32)
    large, mask = np.zeros(SHAPE), np.ones(SHAPE[:2])
    large[4, 3, 2], mask[1, 2] = -1e300, 1e39
    squares, cured = (
        rb.losses.MeanSquaredError(),
        "beyond float32; scale it, or build the model in float64",
    )
    with pytest.raises(
        ValueError, match=rf"MeanSquaredError\(\): target has -1e\+300 at \[4, 3, 2\], {cured}"
    ):
        rb.bptt(lstm(), x, large, squares, backend=backend)
    for loss, goal in ((squares, target), (rb.losses.CrossEntropy(), np.zeros(SHAPE[:2], int))):
        with pytest.raises(ValueError, match=rf"weights has 1e\+39 at \[.*\], {cured}"):
            rb.bptt(lstm(), x, goal, loss, mask=mask, backend=backend)
    with pytest.raises(
        ValueError, match=rf"^the loss function: dy has -1e\+300 at \[4, 3, 2\], {cured}"
    ):
        rb.bptt(lstm(), x, None, lambda y, _: (0.0, large), backend=backend)
    with pytest.raises(ValueError, match="returned a value beyond float64; scale it"):
        rb.bptt(lstm(), x, None, lambda y, _: (10**400, y), backend=backend)
