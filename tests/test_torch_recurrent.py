"""RNN, LSTM and GRU against live PyTorch, with random weights and states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb

torch = pytest.importorskip("torch")

KINDS: dict[str, tuple[Any, Any]] = {
    "rnn tanh": (rb.RNN, lambda *a, **k: torch.nn.RNN(*a, **k)),
    "rnn relu": (
        lambda *a, **k: rb.RNN(*a, activation="relu", **k),
        lambda *a, **k: torch.nn.RNN(*a, nonlinearity="relu", **k),
    ),
    "lstm": (rb.LSTM, lambda *a, **k: torch.nn.LSTM(*a, **k)),
    "gru": (rb.GRU, lambda *a, **k: torch.nn.GRU(*a, **k)),
}
TOLERANCE = {"float64": 1e-12, "float32": 2e-6}
T, B, N_IN, N = 37, 5, 6, 8


def assert_near(found: np.ndarray, expected: Any, dtype: str, what: str) -> None:
    """Largest difference relative to the largest value of the array."""
    expected = expected.detach().numpy()
    error = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)
    assert error <= TOLERANCE[dtype], f"{what}: {error:.2e}"


def run_torch(
    peer: Any, x: np.ndarray, dy: np.ndarray, state: list[tuple[np.ndarray, ...]]
) -> tuple[Any, ...]:
    """(y, final states, x, initial states), all with gradients where they have one."""
    given = torch.tensor(x, requires_grad=True)
    layers = [
        torch.tensor(np.stack(parts), requires_grad=True) for parts in zip(*state, strict=True)
    ]
    y, final = peer(given, tuple(layers) if len(layers) > 1 else layers[0])
    (y * torch.tensor(dy)).sum().backward()
    return y, (final if isinstance(final, tuple) else (final,)), given, layers


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_and_gradients(kind: str, layers: int, dtype: str, bias: bool) -> None:
    ours, theirs = KINDS[kind]
    rng = np.random.default_rng(3)
    peer = theirs(N_IN, N, num_layers=layers, bias=bias, dtype=getattr(torch, dtype))
    model = rb.Sequential(
        *(ours(N_IN if k == 0 else N, N, dtype=dtype, bias=bias) for k in range(layers))
    )
    with torch.no_grad():
        for path, array in model.params.items():
            k, name = path.split(".")
            array[...] = rng.uniform(-0.6, 0.6, array.shape)
            getattr(peer, f"{name}_l{k}").copy_(torch.tensor(array))
    x, dy = rng.normal(size=(T, B, N_IN)).astype(dtype), rng.normal(size=(T, B, N)).astype(dtype)
    names = model.layers[0].cell.state_names
    state = [tuple(rng.normal(size=(B, N)).astype(dtype) for _ in names) for _ in range(layers)]

    y, final, given, initial = run_torch(peer, x, dy, state)
    found = rb.bptt(model, x, dy, lambda _, dy: (0.0, dy), state=state, chunk=5, checkpoint="sqrt")

    assert_near(rb.predict(model, x, state=state, chunk=5)[0], y, dtype, "y")
    assert_near(found.dx, given.grad, dtype, "dx")
    for part in range(len(names)):
        assert_near(
            np.stack([s[part] for s in found.state]), final[part], dtype, f"final state {part}"
        )
        assert_near(
            np.stack([d[part] for d in found.dstate]), initial[part].grad, dtype, f"dstate {part}"
        )
    for path, grad in found.grads.items():
        k, name = path.split(".")
        assert_near(grad, getattr(peer, f"{name}_l{k}").grad, dtype, path)


def test_cross_entropy_of_a_stack_equals_torch() -> None:
    """Embedding, LSTM, head and loss: the language model as PyTorch users write it."""
    rng = np.random.default_rng(4)
    model = rb.Sequential(
        rb.Embedding(11, N_IN, dtype="float64"),
        rb.LSTM(N_IN, N, dtype="float64"),
        rb.Dense(N, 11, dtype="float64"),
    )
    embedding, lstm, head = (
        torch.nn.Embedding(11, N_IN),
        torch.nn.LSTM(N_IN, N),
        torch.nn.Linear(N, 11),
    )
    peers = {"0.weight": embedding.weight, "2.weight": head.weight, "2.bias": head.bias}
    peers |= {
        f"1.{name}": getattr(lstm, f"{name}_l0")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    for module in (embedding, lstm, head):
        module.double()
    with torch.no_grad():
        for path, array in model.params.items():
            peers[path].copy_(torch.tensor(array))
    x, target = rng.integers(0, 11, (2, T, B))
    logits = head(lstm(embedding(torch.tensor(x)))[0])
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, 11), torch.tensor(target).reshape(-1)
    )
    loss.backward()
    found = rb.bptt(model, x, target, rb.losses.CrossEntropy(), chunk=7, checkpoint="sqrt")
    assert found.loss == pytest.approx(loss.item(), rel=1e-13)
    for path, grad in found.grads.items():
        assert_near(grad, peers[path].grad, "float64", path)
