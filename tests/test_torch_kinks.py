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
POINTS = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -3.0, 30.0, -30.0, 1e-300, -1e-300])

UNARY: dict[str, tuple[Callable[[], rb.Layer], Callable[[Any], Any]]] = {
    "ReLU": (rb.ReLU, torch.relu),
    "LeakyReLU": (lambda: rb.LeakyReLU(0.2), lambda x: F.leaky_relu(x, 0.2)),
    "LeakyReLU-steep": (lambda: rb.LeakyReLU(2.5), lambda x: F.leaky_relu(x, 2.5)),
    "ELU": (lambda: rb.ELU(0.7), lambda x: F.elu(x, 0.7)),
    "GELU": (rb.GELU, F.gelu),
    "Softplus": (rb.Softplus, lambda x: F.softplus(x, threshold=1e9)),
    "Sigmoid": (rb.Sigmoid, torch.sigmoid),
    "Tanh": (rb.Tanh, torch.tanh),
}


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
    """A layer in a cell that has its arguments as they are, as columns of x."""
    sizes = [len(x) for x in xs]
    i, h = rb.Input(sum(sizes)), rb.State(1, "h")
    parts = rb.Split(*sizes)(i) if len(sizes) > 1 else (i,)
    cell = rb.Recurrent(rb.Cell(i, {h: h * 0.5}, output=layer(*parts)), dtype="float64")
    x = np.concatenate(xs)[None, None]
    seen = []

    def loss(y: np.ndarray, _: Any) -> tuple[float, np.ndarray]:
        seen.append(y.copy())
        return 0.0, np.ones_like(y)

    result = rb.bptt(cell, x, np.zeros((1, 1, 1)), loss, backend=backend)
    assert result.dx is not None
    return seen[-1][0, 0], tuple(np.split(result.dx[0, 0], np.cumsum(sizes)[:-1]))


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
