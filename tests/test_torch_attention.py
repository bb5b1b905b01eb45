"""Attention against the same by softmax and matmul of PyTorch: loss and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.attention_models import N, data, decoder

torch = pytest.importorskip("torch")


def context(p: dict[str, Any], h: Any, memory: Any, mask: Any) -> Any:
    """What a state looks up: by a product, or additively where there are parameters."""
    if "weight_query" in p:
        inner = memory @ p["weight_memory"].T + (h @ p["weight_query"].T)[:, None]
        scores = torch.tanh(inner) @ p["weight_score"]
    else:
        scores = torch.matmul(memory, h[:, :, None])[..., 0]
    weights = torch.softmax(scores.masked_fill(mask == 0, -torch.inf), dim=1)
    return torch.matmul(weights[:, None], memory)[:, 0]


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_loss_and_gradients_are_pytorchs(kind: str) -> None:
    model, (x, target) = decoder(kind), data("decoder", kind)
    p = {key: torch.tensor(value, requires_grad=True) for key, value in model.params.items()}
    given = {key: torch.tensor(value, requires_grad=True) for key, value in x.items()}
    weights = [value for key, value in p.items() if ".weight_" in key]
    of_x, of_h, of_context = weights
    bias = next(value for key, value in p.items() if key.endswith(".bias"))
    h, outputs = torch.zeros(3, N, dtype=torch.float64), []
    for x_t in given["x"]:
        c = context(p, h, given["memory"], given["mask"].detach())
        h = torch.tanh(x_t @ of_x.T + h @ of_h.T + c @ of_context.T + bias)
        outputs.append(h)
    loss = torch.nn.functional.mse_loss(torch.stack(outputs), torch.tensor(target))
    loss.backward()
    found = rb.bptt(model, x, target, rb.losses.MeanSquaredError(), chunk=4)
    np.testing.assert_allclose(found.loss, loss.item(), rtol=1e-12)
    for key, value in p.items():
        np.testing.assert_allclose(found.grads[key], value.grad, rtol=1e-10, atol=1e-13)
    for key in ("x", "memory"):
        np.testing.assert_allclose(found.dx[key], given[key].grad, rtol=1e-10, atol=1e-13)
