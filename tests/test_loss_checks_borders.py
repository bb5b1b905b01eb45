"""``check_grads`` of losses alone.

The library's, and functions of one's own, by complex step or central differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.own_losses import ErrorToSignal, elements, esr, mean, squares, steps

RNG = np.random.default_rng(0)
Y, TARGET, CLASSES = RNG.normal(size=(5, 3, 4)), RNG.random((5, 3, 4)), RNG.integers(0, 4, (5, 3))
MASK = RNG.random((5, 3)) > 0.3
LIBRARY: dict[str, tuple[Any, Any]] = {
    "mse": (rb.losses.MeanSquaredError(), TARGET),
    "mae": (rb.losses.MeanAbsoluteError(), TARGET),
    "huber": (rb.losses.Huber(0.3), TARGET),
    "quantile": (rb.losses.Quantile((0.1, 0.4, 0.5, 0.9)), TARGET),
    "bce": (rb.losses.BinaryCrossEntropy(), TARGET),
    "ce": (rb.losses.CrossEntropy(label_smoothing=0.1), CLASSES),
}


def with_abs(y: Any, target: Any, mask: Any = None) -> Any:
    """``np.abs`` is not analytic: the complex step finds another derivative."""
    w = 1.0 if mask is None else mask[..., None]
    return float((np.abs(y.real - target) * w).sum()), np.sign(y - target) * w


def in_floats(y: Any, target: Any) -> Any:
    d = y.astype(np.float64) - target  # which warns of complex numbers
    return d**2, 2 * d


OWN: dict[str, tuple[Any, str]] = {
    "function": (squares, "complex"),
    "mean": (mean, "central"),
    "ratio": (esr, "complex"),
    "lambda": (lambda y, t: (float((y**2).sum()), 2 * y), "central"),
    "abs": (with_abs, "central"),
    "subclass": (ErrorToSignal(), "central"),
    "elements": (rb.losses.PerStep(elements), "complex"),
    "steps": (rb.losses.PerStep(steps), "complex"),
    "floats": (rb.losses.PerStep(in_floats), "central"),
    "whole": (rb.losses.WholeSequence(esr), "complex"),
    "whole abs": (rb.losses.WholeSequence(with_abs), "central"),
}


@pytest.mark.parametrize("mask", [None, MASK, MASK * 0.7])
@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_s_own_to_twelve_digits(name: str, mask: Any) -> None:
    loss, target = LIBRARY[name]
    found = rb.check_grads(loss, Y, target, mask=mask)
    assert found.method == "complex"
    assert found.worst < 1e-12


@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize("name", OWN)
def test_a_loss_of_ones_own(name: str, mask: Any) -> None:
    loss, method = OWN[name]
    found = rb.check_grads(loss, Y, TARGET, mask=mask)
    assert found.method == method
    assert list(found.errors) == ["y"]
    assert found.worst < {"complex": 1e-12, "central": 1e-7}[method]


@pytest.mark.parametrize("method", [None, "complex", "central"])
@pytest.mark.parametrize("wrap", [lambda f: f, rb.losses.WholeSequence])
def test_a_wrong_derivative_is_found(wrap: Any, method: Any) -> None:
    def wrong(y: Any, target: Any) -> Any:
        dy = 2 * (y - target)
        dy[3, 1, 2] *= 1.001
        return ((y - target) ** 2).sum(), dy

    with pytest.raises(
        rb.GradientError,
        match=r"gradient by y\[3, 1, 2\] is .*; check the dy of (WholeSequence\(|the loss function ).*wrong",
    ):
        rb.check_grads(wrap(wrong), Y, TARGET, method=method)


def test_a_chosen_method_is_kept() -> None:
    with pytest.raises(rb.GradientError):
        rb.check_grads(lambda y, t: (np.abs(y).sum(), np.sign(y)), Y, None, method="complex")
    assert rb.check_grads(squares, Y, TARGET, method="central").method == "central"
    assert rb.check_grads(rb.losses.Huber(), Y, TARGET, method="central").worst < 1e-7


def test_other_shapes_of_y() -> None:
    """A function of one's own is called with y as it is."""
    for shape in ((7,), (2, 3), (2, 3, 2, 2)):
        y, target = RNG.normal(size=(2, *shape))
        assert rb.check_grads(squares, y, target).worst < 1e-12
    assert rb.check_grads(rb.losses.PerStep(elements), *RNG.normal(size=(2, 4, 3))).worst < 1e-12
    with pytest.raises(
        rb.ShapeError, match=r"PerStep\(elements\): y needs axes \(T, B, ...\), found shape \(4,\)"
    ):
        rb.check_grads(rb.losses.PerStep(elements), *RNG.normal(size=(2, 4)))


@pytest.mark.parametrize("model", [None, 3, "lstm", object()])
def test_what_is_no_loss_is_no_model_either(model: Any) -> None:
    with pytest.raises(TypeError, match="a model is a network of layers"):
        rb.check_grads(model, Y.astype("f"), TARGET)


def test_a_model_that_was_not_built() -> None:
    """``LSTM`` is a function too; it is not one of y and target."""
    with pytest.raises(TypeError):
        rb.check_grads(rb.LSTM, Y, TARGET)


@pytest.mark.parametrize("name", ["function", "elements", "whole"])
def test_through_a_model_in_chunks(name: str) -> None:
    model = rb.Sequential(
        rb.RNN(4, 4, dtype="float64", rng=0), rb.Dense(4, 4, dtype="float64", rng=1)
    )
    assert (
        rb.check_grads(model, Y, TARGET, OWN[name][0], chunk=2, mask=MASK, checkpoint="sqrt").worst
        < 1e-12
    )
