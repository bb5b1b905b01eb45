"""Cells with options against live PyTorch: its own module, and loops written by hand there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals
from tests.programs import half_square

torch = pytest.importorskip("torch")
Step = Callable[[dict[str, Any], Any, tuple[Any, ...]], tuple[Any, ...]]
T, B, N_IN, N = 23, 5, 6, 8


def linear(p: dict[str, Any], name: str, x: Any) -> Any:
    return torch.nn.functional.linear(x, p[f"weight_{name}"], p.get(f"bias_{name}"))


def norm(p: dict[str, Any], name: str, x: Any) -> Any:
    weight, bias = p[f"weight_norm_{name}"], p.get(f"bias_norm_{name}")
    return torch.nn.functional.layer_norm(x, x.shape[-1:], weight, bias, 1e-5)


def normed(p: dict[str, Any], name: str, x: Any) -> Any:
    return norm(p, name, linear(p, name, x))


def layer_norm_lstm(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    h, c = state
    i, f, g, o = (normed(p, "ih", x) + normed(p, "hh", h)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * norm(p, "c", c).tanh()
    return h, h, c


def layer_norm_gru(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    (h,) = state
    (xr, xz, xm), (hr, hz, hm) = normed(p, "ih", x).chunk(3, -1), normed(p, "hh", h).chunk(3, -1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    h = (1 - z) * (xm + r * hm).tanh() + z * h
    return h, h


def layer_norm_rnn(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    h = (normed(p, "ih", x) + normed(p, "hh", state[0])).relu()
    return h, h


def leaky(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    (h,) = state
    h = torch.lerp(h, (linear(p, "ih", x) + linear(p, "hh", h)).relu(), 0.2)
    return h, h


def g(v: Any) -> Any:
    """As the authors of minGRU write it."""
    return torch.where(v >= 0, v + 0.5, v.sigmoid())


def min_gru(f: Callable[[Any], Any]) -> Step:
    def step(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        z, m = linear(p, "ih", x).chunk(2, -1)
        h = torch.lerp(state[0], f(m), z.sigmoid())
        return h, h

    return step


def min_lstm(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    f, i, m = linear(p, "ih", x).chunk(3, -1)
    f, i = f.sigmoid(), i.sigmoid()
    h = f / (f + i) * state[0] + i / (f + i) * g(m)
    return h, h


def lru(p: dict[str, Any], x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
    lam = torch.exp(torch.complex(-p["nu_log"].exp(), p["theta_log"].exp()))
    b_x = torch.complex(*linear(p, "B", x).chunk(2, -1))
    h = lam * torch.complex(*state) + p["gamma_log"].exp() * b_x
    y = (h @ torch.complex(p["weight_C_re"], p["weight_C_im"]).T).real + p["weight_D"] * x
    return y, h.real, h.imag


LOOPS: dict[str, tuple[Any, dict[str, Any], Step]] = {
    "layer-norm lstm": (rb.LSTM, {"layer_norm": True}, layer_norm_lstm),
    "layer-norm gru": (rb.GRU, {"layer_norm": True}, layer_norm_gru),
    "layer-norm rnn": (rb.RNN, {"layer_norm": True, "activation": "relu"}, layer_norm_rnn),
    "leaky network": (rb.RNN, {"leak": 0.2, "activation": "relu"}, leaky),
    "layer-norm lstm without biases": (
        rb.LSTM,
        {"layer_norm": True, "bias": False},
        layer_norm_lstm,
    ),
    "lru": (rb.LRU, {}, lru),
    "mingru": (rb.MinGRU, {}, min_gru(lambda v: v)),
    "mingru, positive": (rb.MinGRU, {"positive": True}, min_gru(g)),
    "minlstm, positive": (rb.MinLSTM, {"positive": True}, min_lstm),
}


def draw(model: rb.Recurrent) -> list[np.ndarray]:
    """Random parameters; a random initial state."""
    for k, array in enumerate(model.params.values()):
        array[...] = 0.6 * reals(*array.shape, seed=k)
    return [reals(B, *shape, seed=50 + k) for k, shape in enumerate(model.cell.state_shapes)]


def tensors(arrays: list[np.ndarray]) -> list[Any]:
    return [torch.tensor(array, requires_grad=True) for array in arrays]


def assert_near(found: Any, expected: Any, what: str) -> None:
    expected = expected.detach().numpy()
    np.testing.assert_allclose(
        found, expected, rtol=0, atol=1e-12 * max(1.0, np.abs(expected).max()), err_msg=what
    )


@pytest.mark.parametrize("name", LOOPS)
def test_loops_by_hand(name: str) -> None:
    build, options, step = LOOPS[name]
    model = build(N_IN, N, dtype="float64", **options)
    start, x = draw(model), reals(T, B, N_IN)
    found = rb.bptt(model, x, x, half_square, state=[tuple(start)], chunk=5, checkpoint="sqrt")
    given, state = tensors([x])[0], tensors(start)
    p = dict(zip(model.params, tensors(list(model.params.values())), strict=True))
    ys, now = [], state
    for x_t in given:
        y_t, *now = step(p, x_t, now)
        ys.append(y_t)
    (torch.stack(ys) ** 2).sum().div(2).backward()
    y, _ = rb.predict(model, x, state=tuple(start), chunk=5)
    assert_near(y, torch.stack(ys), "y")
    assert_near(found.dx, given.grad, "dx")
    for name, grad in found.grads.items():
        assert_near(grad, p[name].grad, name)
    for part, (one, other) in enumerate(zip(found.dstate[0], state, strict=True)):
        assert_near(one, other.grad, f"dstate {part}")


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("layers", [1, 2])
def test_a_projection_is_that_of_torch(layers: int, bias: bool) -> None:
    """Weights by their names there, states of both sizes, and gradients of all."""
    p, dtype = 3, torch.float64
    peer = torch.nn.LSTM(N_IN, N, num_layers=layers, bias=bias, proj_size=p, dtype=dtype)
    options: dict[str, Any] = {"projection": p, "dtype": "float64", "bias": bias}
    model = rb.Sequential(*(rb.LSTM(p if k else N_IN, N, **options) for k in range(layers)))
    rb.load_weights(model, peer.state_dict(), rename="torch")
    x = reals(T, B, N_IN)
    h, c = (reals(layers, B, n, seed=n) for n in (p, N))
    given, h_0, c_0 = tensors([x, h, c])
    y, (h_n, c_n) = peer(given, (h_0, c_0))
    (y**2).sum().div(2).backward()
    state = list(zip(h, c, strict=True))
    found = rb.bptt(model, x, x, half_square, state=state, chunk=5, checkpoint="sqrt")
    assert_near(rb.predict(model, x, state=state, chunk=5)[0], y, "y")
    assert_near(found.dx, given.grad, "dx")
    for k, (own, gradient) in enumerate(zip(found.state, found.dstate, strict=True)):
        assert_near(own[0], h_n[k], f"h of layer {k}")
        assert_near(own[1], c_n[k], f"c of layer {k}")
        assert_near(gradient[0], h_0.grad[k], f"dh of layer {k}")
        assert_near(gradient[1], c_0.grad[k], f"dc of layer {k}")
    assert len(found.grads) == layers * (5 if bias else 3)
    for path, grad in found.grads.items():
        k, name = path.split(".")
        assert_near(grad, getattr(peer, f"{name}_l{k}").grad, path)
