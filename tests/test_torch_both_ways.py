"""PyTorch to here and back: outputs, all gradients, and the bits of the state dict."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.torch_nets import NETS, SYMBOLS
from tests.torch_random_nets import random_net

torch = pytest.importorskip("torch")
nn = torch.nn

TOLERANCE = {"float64": 1e-12, "float32": 2e-6}
T, B = 6, 3


def reference(module: Any, x: Any) -> Any:
    """What PyTorch computes: of recurrent modules y, of all others one step at a time."""
    parts = {
        "Sequential": lambda: reduce(lambda y, part: reference(part, y), module, x),
        **dict.fromkeys(("RNN", "LSTM", "GRU"), lambda: module(x)[0]),
    }
    return parts.get(
        type(module).__name__, lambda: torch.stack([module(step) for step in x.unbind(0)])
    )()


def built(name: str, dtype: str) -> tuple[Any, np.ndarray]:
    """A module with random weights, in evaluation, and a frozen x."""
    rng = np.random.default_rng(len(name))
    build, shape = NETS[name]
    net = build(nn).to(getattr(torch, dtype)).eval()
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.tensor(rng.uniform(-0.6, 0.6, p.shape)))
    x = rng.normal(size=(T, B, *shape)).astype(dtype)
    x = {SYMBOLS: rng.integers(0, 7, (T, B))}.get(shape, x)
    x.setflags(write=False)
    return net, x


def leaf(x: np.ndarray) -> Any:
    return torch.tensor(x, requires_grad=x.dtype.kind == "f")


def assert_near(found: Any, expected: Any, dtype: str, what: str) -> None:
    """Largest difference relative to the largest value."""
    found, expected = np.asarray(found), expected.detach().numpy()
    assert found.shape == expected.shape, what
    error = np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30)
    assert error <= TOLERANCE[dtype], f"{what}: {error:.2e}"


@pytest.mark.filterwarnings("ignore:LSTM with projections", "ignore:Using padding='same'")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETS)
def test_outputs_and_all_gradients_and_the_way_back(name: str, dtype: str) -> None:
    net, x = built(name, dtype)
    state = {key: value.clone() for key, value in net.state_dict().items()}
    given = leaf(x)
    y = reference(net, given)
    dy = np.random.default_rng(1).normal(size=tuple(y.shape)).astype(dtype)
    dy.setflags(write=False)
    (y * torch.tensor(dy)).sum().backward()

    model = rb.interchange.from_torch(net)
    run = rb.bptt(model, x, dy, lambda _, dy: (0.0, dy), training=False, chunk=4, return_y=True)
    assert_near(run.y, y, dtype, "y")
    theirs = dict(net.named_parameters(remove_duplicate=False))
    for name, _, _, path in rb.interchange.load_torch_weights(model, net.state_dict()):
        assert_near(run.grads[path], theirs[name].grad, dtype, path)
    assert len(run.grads) == len([*net.parameters()])

    back = rb.interchange.to_torch(model).eval()
    found = back.state_dict()
    assert [*found] == [*state]
    assert all(torch.equal(found[key], value) for key, value in state.items())
    again = leaf(x)
    z = back(again)
    z = z[0] if isinstance(z, tuple) else z  # of a recurrent module alone
    assert_near(z.detach(), y, dtype, "y of the way back")
    (z * torch.tensor(dy)).sum().backward()
    for (path, p), q in zip(net.named_parameters(), back.parameters(), strict=True):
        assert_near(q.grad, p.grad, dtype, f"{path} of the way back")
    deltas = [(run.dx, given.grad), (again.grad, given.grad)] * (given.grad is not None)
    for found_delta, expected in deltas:
        assert_near(found_delta, expected, dtype, "dx")


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("seed", range(60))
def test_random_chains_keep_their_values_gradients_and_bits(seed: int) -> None:
    torch.manual_seed(seed)
    net = random_net(nn, seed).double().eval()
    x = torch.randn(4, 2, 3, dtype=torch.float64, requires_grad=True)
    y = reference(net, x)
    dy = torch.randn_like(y)
    (y * dy).sum().backward()
    model = rb.interchange.from_torch(net)
    how = {"training": False, "return_y": True, "backend": "interpreter"}
    run = rb.bptt(model, x.detach().numpy(), dy.numpy(), lambda _, dy: (0.0, dy), **how)
    assert_near(run.y, y, "float64", "y")
    assert_near(run.dx, x.grad, "float64", "dx")
    theirs = dict(net.named_parameters(remove_duplicate=False))
    for name, _, _, path in rb.interchange.load_torch_weights(model, net.state_dict()):
        error = np.abs(run.grads[path] - theirs[name].grad.numpy()).max()
        assert error <= 1e-12 * max(1, np.abs(run.grads[path]).max()), path
    state, found = net.state_dict(), rb.interchange.to_torch(model).state_dict()
    assert [*found] == [*state]
    assert all(torch.equal(found[key], value) for key, value in state.items())
