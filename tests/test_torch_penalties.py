"""Penalties against the same terms added by hand in PyTorch: loss and gradients."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals
from tests.penalty_models import MODELS, data

torch = pytest.importorskip("torch")

T, B, N = 7, 3, 4


def check(model: rb.Sequential, x: np.ndarray, target: np.ndarray, total: object, p: dict) -> None:
    """That loss and gradients are those of ``total``, of the tensors ``p`` by path."""
    found = rb.bptt(model, x, target, rb.losses.MeanSquaredError(), chunk=3, checkpoint="sqrt")
    total.backward()
    assert found.loss == pytest.approx(total.item(), rel=1e-12)
    for path, grad in found.grads.items():
        np.testing.assert_allclose(grad, p[path].grad.numpy(), rtol=0, atol=1e-13, err_msg=path)


def test_of_the_output_of_an_lstm() -> None:
    x, target = reals(T, B, N), reals(T, B, N, seed=1)
    lstm = rb.LSTM(N, N, rng=0, dtype="float64")
    model = rb.Sequential(lstm, rb.Penalty(l1=0.2, l2=0.3))
    other = torch.nn.LSTM(N, N, dtype=torch.float64)
    p = {path: getattr(other, f"{path[2:]}_l0") for path in model.params}
    with torch.no_grad():
        for path, array in model.params.items():
            p[path].copy_(torch.tensor(array))
    y = other(torch.tensor(x))[0]
    penalty = 0.2 * y.abs().sum(-1).mean() + 0.3 * y.pow(2).sum(-1).mean()
    check(model, x, target, ((y - torch.tensor(target)) ** 2).mean() + penalty, p)


def test_in_a_cell_on_a_state_that_no_output_takes() -> None:
    x, target = data("unseen", T, B, N)
    model = MODELS["unseen"](N)
    p = {path: torch.tensor(array, requires_grad=True) for path, array in model.params.items()}
    h = s = torch.zeros(B, N, dtype=torch.float64)
    loss, charges = [], []
    w0, w1, b1, w2, b2 = (
        p[path] for path in ("4.weight_0", "4.weight_1", "4.bias", "1.weight", "1.bias")
    )
    for at in range(T):
        xt = torch.tensor(x[at])
        new = torch.tanh(xt @ w0.T + h @ w1.T + b1)
        s = 0.5 * s + h @ w2.T + b2
        loss.append((h + xt - torch.tensor(target[at])) ** 2)
        charges.append((0.6 * s**2 + 0.3 * new.abs() + 0.2 * new**2).sum(-1))
        h = new
    check(model, x, target, torch.stack(loss).mean() + torch.stack(charges).mean(), p)
