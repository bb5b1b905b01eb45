"""Layers at their kinks and at the ends of numbers against live PyTorch, alone and in cells."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

torch = pytest.importorskip("torch")
F = torch.nn.functional
BACKENDS = ["interpreter", "numpy", *(["llvm"] if find_spec("llvmlite") else [])]
INF, NAN = np.inf, np.nan
POINTS = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 30.0, -30.0, 1e-300, -1e-300])

UNARY: dict[str, tuple[Callable[[], rb.Layer], Callable[[Any], Any]]] = {
    "ReLU": (rb.ReLU, torch.relu),
    "LeakyReLU": (lambda: rb.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "LeakyReLU-steep": (lambda: rb.LeakyReLU(2.5), lambda x: F.leaky_relu(x, 2.5)),
    "ELU": (lambda: rb.ELU(0.7), lambda x: F.elu(x, 0.7)),
    "GELU": (rb.GELU, F.gelu),
    "Softplus": (rb.Softplus, F.softplus),
    "Sigmoid": (rb.Sigmoid, torch.sigmoid),
    "Tanh": (rb.Tanh, torch.tanh),
    "Exp": (rb.Exp, torch.exp),
    "Log": (rb.Log, torch.log),
    "Sqrt": (rb.Sqrt, torch.sqrt),
    "Square": (rb.Square, torch.square),
    "Reciprocal": (rb.Reciprocal, torch.reciprocal),
    "Abs": (rb.Abs, torch.abs),
    "Clip": (lambda: rb.Clip(-1, 0.5), lambda x: torch.clamp(x, -1, 0.5)),
    "Clip-low": (lambda: rb.Clip(0.5), lambda x: torch.clamp(x, min=0.5)),
    "Clip-high": (lambda: rb.Clip(high=-0.5), lambda x: torch.clamp(x, max=-0.5)),
    "LogSoftmax": (rb.LogSoftmax, lambda x: torch.log_softmax(x, -1)),
    "Sum": (rb.Sum, lambda x: x.sum(-1, keepdim=True)),
    "Mean": (rb.Mean, lambda x: x.mean(-1, keepdim=True)),
}
ENDS = {
    "Exp": [0.0, 1000.0, -1000.0, INF, -INF, NAN],
    "Log": [0.0, -0.0, -1.0, INF, NAN, 5e-324],
    "Sqrt": [0.0, -0.0, -1.0, INF, NAN, 5e-324],
    "Square": [1e200, INF, -INF, NAN],
    "Reciprocal": [0.0, -0.0, INF, -INF, NAN, 1e-310],
    "Abs": [INF, -INF, -5e-324],
    "Clip": [INF, -INF, NAN],
    "Softplus": [1000.0, -1000.0, INF, NAN],
}
"""What IEEE 754 makes of the ends of numbers: infinities and NaN, no error and no warning."""
PAIRS: dict[str, tuple[Callable[[], rb.Layer], Callable[[Any, Any], Any]]] = {
    "Divide": (rb.Divide, torch.div),
    "Maximum": (rb.Maximum, torch.maximum),
    "Minimum": (rb.Minimum, torch.minimum),
}
LEFT = np.array([0.0, -0.0, 1.0, 1.0, -2.0, 3.0, INF, -INF, 2.0, NAN, 1.0, 0.0, 1.0])
RIGHT = np.array([0.0, 0.0, 1.0, 2.0, -2.0, -3.0, INF, INF, 0.0, 1.0, NAN, 5.0, INF])
"""Ties, zeros of both signs, infinities, NaN on either side."""


def theirs(function: Callable[..., Any], *xs: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """PyTorch's values, and its gradients of their sum."""
    taken = [torch.tensor(x, requires_grad=True) for x in xs]
    y = function(*taken)
    y.sum().backward()
    return y.detach().numpy(), [x.grad.numpy() for x in taken]


def alone(layer: rb.Layer, *xs: np.ndarray) -> tuple[np.ndarray, tuple[Any, ...]]:
    """A layer outside cells."""
    with np.errstate(all="ignore"):
        y, saved = layer.forward(*xs)
        return y, layer.backward_inputs(saved, np.ones_like(y))


def in_cell(backend: str, layer: rb.Layer, *xs: np.ndarray) -> tuple[np.ndarray, tuple[Any, ...]]:
    """A layer in a cell, its arguments a learned initial state: x would have to be finite."""
    sizes = [len(x) for x in xs]
    i, h = rb.Input(1), rb.State(sum(sizes), "h")
    parts = rb.Split(*sizes)(h) if len(sizes) > 1 else (h,)
    cell = rb.Cell(i, {h: h}, output=layer(*parts))
    model = rb.Recurrent(cell, initial="learned", dtype="float64")
    model.params["initial_h"][...] = np.concatenate(xs)
    seen = []

    def loss(y: np.ndarray, _: Any) -> tuple[float, np.ndarray]:
        seen.append(y.copy())
        return 0.0, np.ones_like(y)

    found = rb.bptt(model, np.zeros((1, 1, 1)), np.zeros((1, 1, 1)), loss, backend=backend)
    deltas = np.split(found.grads["initial_h"], np.cumsum(sizes)[:-1])
    return seen[-1][0, 0], tuple(deltas)


def compare(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12, atol=1e-16)
    for ours, their in zip(found[1], expected[1], strict=True):
        np.testing.assert_allclose(ours, their, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", UNARY)
def test_points_outside_cells(name: str) -> None:
    build, function = UNARY[name]
    compare(alone(build(), POINTS), theirs(function, POINTS))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", UNARY)
def test_points_in_cells(name: str, backend: str) -> None:
    build, function = UNARY[name]
    compare(in_cell(backend, build(), POINTS), theirs(function, POINTS))


@pytest.mark.parametrize("name", ENDS)
def test_ends_outside_cells(name: str) -> None:
    build, function = UNARY[name]
    x = np.array(ENDS[name])
    compare(alone(build(), x), theirs(function, x))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ENDS)
def test_ends_in_cells(name: str, backend: str) -> None:
    build, function = UNARY[name]
    x = np.array(ENDS[name])
    compare(in_cell(backend, build(), x), theirs(function, x))


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_outside_cells(name: str) -> None:
    build, function = PAIRS[name]
    compare(alone(build(), LEFT, RIGHT), theirs(function, LEFT, RIGHT))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PAIRS)
def test_pairs_in_cells(name: str, backend: str) -> None:
    build, function = PAIRS[name]
    compare(in_cell(backend, build(), LEFT, RIGHT), theirs(function, LEFT, RIGHT))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("swapped", [False, True])
def test_one_feature_and_several(name: str, swapped: bool, backend: str) -> None:
    build, function = PAIRS[name]
    xs = np.array([0.5, -1.0, 2.0, 0.5]), np.array([0.5])
    taken = xs[::-1] if swapped else xs
    expected = theirs(function, *taken)
    compare(alone(build(), *taken), expected)
    compare(in_cell(backend, build(), *taken), expected)
