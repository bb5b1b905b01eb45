"""Models with parameter values against the same written in PyTorch: loss and gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.parameter_models import MODELS, data

torch = pytest.importorskip("torch")

N = 5
MASK = np.random.default_rng(6).random((N, N)) < 0.7
SIGNS = np.where(np.arange(N) % 4 == 3, -1.0, 1.0)


def dale(p: dict[str, Any], x: Any, h: Any) -> Any:
    w = p["w"].abs() * torch.tensor(MASK * SIGNS)
    return 0.8 * h + 0.2 * torch.relu(h @ w.T + x @ p["u"].T + p["b"])


def normalised(p: dict[str, Any], x: Any, h: Any) -> Any:
    w = p["g"] * p["v"] / p["v"].norm(dim=1, keepdim=True)
    return torch.tanh(h @ w.T + x)


def decaying(p: dict[str, Any], x: Any, h: Any) -> Any:
    decay = torch.exp(-torch.exp(p["nu"]))
    return decay * h + torch.sqrt(1 - decay**2) * x


def low_rank(p: dict[str, Any], x: Any, h: Any) -> Any:
    return torch.tanh(h @ (p["u"] @ p["v"].T).T + (x @ p["v"]) @ p["u"].T)


STEPS: dict[str, tuple[Callable[..., Any], str]] = {
    "dale": (dale, "w u b"),
    "normalised": (normalised, "v g"),
    "decaying": (decaying, "nu"),
    "low rank": (low_rank, "u v"),
}


@pytest.mark.parametrize("name", STEPS)
def test_loss_and_gradients_are_pytorchs(name: str) -> None:
    (step, names), (x, target) = STEPS[name], data(name, 11, 3, N)
    model = MODELS[name](N)
    paths = dict(zip(names.split(), model.params, strict=True))
    p = {key: torch.tensor(model.params[path], requires_grad=True) for key, path in paths.items()}
    h, outputs = torch.zeros(3, N, dtype=torch.float64), []
    for x_t in torch.tensor(x):
        h = step(p, x_t, h)
        outputs.append(torch.tanh(h) if name == "decaying" else h)
    loss = torch.nn.functional.mse_loss(torch.stack(outputs), torch.tensor(target))
    loss.backward()
    found = rb.bptt(model, x, target, rb.losses.MeanSquaredError(), chunk=4)
    assert found.loss == pytest.approx(loss.item(), rel=1e-13)
    for key, path in paths.items():
        np.testing.assert_allclose(found.grads[path], p[key].grad.numpy(), rtol=1e-11, atol=1e-14)
