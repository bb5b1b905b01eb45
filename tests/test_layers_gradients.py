"""Gradients of every layer in every option, against the complex step.

For f analytic and h = 1e-30, Im f(x + ih)/h is f′(x) to rounding: nothing is subtracted
(Squire & Trapp 1998, "Using complex variables to estimate derivatives of real functions").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnbp.layers import Layer
from rnnbp.numerics import Array
from tests.layer_case import Case, as_complex, outputs
from tests.layer_cases import CASES

H = 1e-30
LENGTH, BATCH = 2, 2
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


def prepared(case: Case) -> tuple[Layer, tuple[Array, ...]]:
    """The layer with parameters not at special values, and inputs."""
    layer, rng = case.build("float64"), np.random.default_rng(5)
    for value in layer.params.values():
        value[...] = rng.normal(size=value.shape)
    return layer, case.inputs((LENGTH, BATCH))


def loss(y: Any, dy: Any) -> complex:
    """Σ dy · y: a function of which dy is the delta."""
    deltas = dy if isinstance(dy, tuple) else (dy,)
    pairs = zip(outputs(y), deltas, strict=True)
    return complex(sum((part * d).sum() for part, d in pairs if d is not None))


def complex_step(f: Callable[[], complex], at: Array) -> Array:
    """∂f/∂at, element by element; ``at`` is complex, read by f, and restored."""
    grad = np.empty(at.shape)
    for index in np.ndindex(at.shape):
        kept = at[index]
        at[index] = kept + 1j * H
        grad[index] = f().imag / H
        at[index] = kept
    return grad


def error(found: Array, expected: Array) -> float:
    """The largest error, relative to max(1, |expected|)."""
    assert found.shape == expected.shape
    return float((np.abs(found - expected) / np.maximum(1, np.abs(expected))).max(initial=0))


@pytest.mark.quick
@pytest.mark.parametrize("case", [c for c in CASES if c.symbols], ids=lambda case: case.id)
def test_symbols_have_no_gradient(case: Case) -> None:
    layer, xs = prepared(case)
    y, saved = case.forward(layer, xs, length=LENGTH)
    assert layer.backward_inputs(saved, case.deltas(y)) == (None,)


@pytest.mark.quick
@pytest.mark.parametrize("case", [c for c in CASES if not c.symbols], ids=lambda case: case.id)
def test_backward_inputs(case: Case) -> None:
    layer, xs = prepared(case)
    y, saved = case.forward(layer, xs, length=LENGTH)
    dy = case.deltas(y)
    dxs = layer.backward_inputs(saved, dy)
    twin, zs = as_complex(layer), tuple(x.astype(np.complex128) for x in xs)
    for dx, z in zip(dxs, zs, strict=True):
        assert dx is not None
        expected = complex_step(lambda: loss(case.forward(twin, zs, length=LENGTH)[0], dy), z)
        assert error(dx, expected) < 1e-12


PARAMETRIC = [case for case in CASES if case.build("float64").params]


@pytest.mark.quick
@pytest.mark.parametrize("case", PARAMETRIC, ids=lambda case: case.id)
def test_backward_params(case: Case) -> None:
    layer, xs = prepared(case)
    y, saved = case.forward(layer, xs, length=LENGTH)
    dy = case.deltas(y)
    grads = layer.backward_params(saved, dy)
    assert list(grads) == list(layer.params)
    twin = as_complex(layer)
    zs = xs if case.symbols else tuple(x.astype(np.complex128) for x in xs)
    for key, grad in grads.items():
        expected = complex_step(
            lambda: loss(case.forward(twin, zs, length=LENGTH)[0], dy), twin.params[key]
        )
        assert error(grad, expected) < 1e-12


def agrees(found: Array | None, expected: Array | None) -> None:
    """To 1e-12, or None as well."""
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@every_case
def test_backward_of_complex_values_is_analytic(case: Case) -> None:
    """For second derivatives by complex step backward follows Re x and perturbs Im x alone."""
    layer, xs = prepared(case)
    y, saved = case.forward(layer, xs, length=LENGTH)
    dy = case.deltas(y)
    twin = as_complex(layer)
    zs = xs if case.symbols else tuple(x.astype(np.complex128) for x in xs)
    _, twin_saved = case.forward(twin, zs, length=LENGTH)
    twin_dy = tuple(None if d is None else d + 0j for d in dy) if isinstance(dy, tuple) else dy + 0j
    for dx, twin_dx in zip(
        layer.backward_inputs(saved, dy), twin.backward_inputs(twin_saved, twin_dy), strict=True
    ):
        agrees(twin_dx, dx)
    twin_grads = twin.backward_params(twin_saved, twin_dy)
    for key, grad in layer.backward_params(saved, dy).items():
        assert twin_grads[key].dtype == np.complex128
        np.testing.assert_allclose(twin_grads[key], grad, rtol=1e-12, atol=1e-12)


SMOOTH_FAR = [-40.0, -8.0, -3.0, -1e-3, -1e-8, 1e-8, 1e-3, 3.0, 8.0, 40.0]
POINTWISE = [
    case for case in CASES if hasattr(case.build("float64"), "derivative") and case.above is None
]


@pytest.mark.parametrize("case", POINTWISE, ids=lambda case: case.id)
def test_derivatives_far_from_and_near_to_zero(case: Case) -> None:
    layer = case.build("float64")
    x = np.array(SMOOTH_FAR)
    y, saved = layer.forward(x)
    (dx,) = layer.backward_inputs(saved, np.ones_like(y))
    expected = layer.forward(x + 1j * H)[0].imag / H
    assert error(dx, expected) < 1e-12
