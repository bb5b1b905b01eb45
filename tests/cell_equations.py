"""The equations of the cells of the library, each step written out in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

import rnnbp as rb

Array: TypeAlias = npt.NDArray[np.float64]
Params: TypeAlias = dict[str, Array]
Step: TypeAlias = Callable[..., tuple[Array, ...]]
"""(p, x, *state) -> (y, *new state)."""
Case: TypeAlias = tuple[Callable[..., rb.Recurrent], dict[str, object], Step]


def sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def affine(p: Params, name: str, x: Array) -> Array:
    found: Array = x @ p[f"weight_{name}"].T + p.get(f"bias_{name}", np.zeros(1))
    return found


def norm(p: Params, name: str, x: Array) -> Array:
    found: Array = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return found * p[f"weight_norm_{name}"] + p.get(f"bias_norm_{name}", np.zeros(1))


def normed(p: Params, name: str, x: Array) -> Array:
    return norm(p, name, x @ p[f"weight_{name}"].T)


def lstm(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = np.split(affine(p, "ih", x) + affine(p, "hh", h), 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, h, c


def projected(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    m, _, c = lstm(p, x, h, c)
    h = m @ p["weight_hr"].T
    return h, h, c


def layer_norm_lstm(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = np.split(normed(p, "ih", x) + normed(p, "hh", h), 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(norm(p, "c", c))
    return h, h, c


def coupled(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, g, o = np.split(affine(p, "ih", x) + affine(p, "hh", h), 3, axis=-1)
    c = (1 - sigmoid(i)) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return h, h, c


def peephole(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    i, f, g, o = np.split(affine(p, "ih", x) + affine(p, "hh", h), 4, axis=-1)
    i, f = sigmoid(i + p["weight_ci"] * c), sigmoid(f + p["weight_cf"] * c)
    c = f * c + i * np.tanh(g)
    h = sigmoid(o + p["weight_co"] * c) * np.tanh(c)
    return h, h, c


def lstm_of_all(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """Peepholes, projected, normalised and coupled."""
    i, g, o = np.split(normed(p, "ih", x) + normed(p, "hh", h), 3, axis=-1)
    i = sigmoid(i + p["weight_ci"] * c)
    c = (1 - i) * c + i * np.tanh(g)
    h = (sigmoid(o + p["weight_co"] * c) * np.tanh(norm(p, "c", c))) @ p["weight_hr"].T
    return h, h, c


def slstm(log_f: Callable[[Array], Array]) -> Step:
    """Where s is 0 a sequence begins: nothing of c and s is carried on."""

    def step(p: Params, x: Array, h: Array, c: Array, s: Array, m: Array) -> tuple[Array, ...]:
        i, f, z, o = np.split(affine(p, "ih", x) + affine(p, "hh", h), 4, axis=-1)
        old = np.where(s > 0, log_f(f) + m, -np.inf)
        m = np.maximum(old, i)
        c = np.exp(old - m) * c + np.exp(i - m) * np.tanh(z)
        s = np.exp(old - m) * s + np.exp(i - m)
        h = sigmoid(o) * c / s
        return h, h, c, s, m

    return step


def zoned_lstm(p: Params, x: Array, h: Array, c: Array) -> tuple[Array, ...]:
    """Outside training, with rates 0.1 of h and 0.3 of c."""
    new, _, c_new = lstm(p, x, h, c)
    h = 0.1 * h + 0.9 * new
    return h, h, 0.3 * c + 0.7 * c_new


def zoned(step: Step, rate: float) -> Step:
    """Outside training."""

    def mean(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        h = rate * h + (1 - rate) * step(p, x, h)[0]
        return h, h

    return mean


def gru(of: Callable[[Params, str, Array], Array]) -> Step:
    """The one with ``reset_after``; ``of`` gives the sums of gates."""

    def step(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        (xr, xz, xm), (hr, hz, hm) = (
            np.split(of(p, *part), 3, axis=-1) for part in (("ih", x), ("hh", h))
        )
        r, z = sigmoid(xr + hr), sigmoid(xz + hz)
        h = (1 - z) * np.tanh(xm + r * hm) + z * h
        return h, h

    return step


def gru_before(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
    xr, xz, xm = np.split(affine(p, "ih", x), 3, axis=-1)
    hr, hz = np.split(affine(p, "hh", h), 2, axis=-1)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    h = (1 - z) * np.tanh(xm + affine(p, "hm", r * h)) + z * h
    return h, h


def rnn(f: Callable[[Array], Array], leak: float = 1.0) -> Step:
    def step(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        h = (1 - leak) * h + leak * f(affine(p, "ih", x) + affine(p, "hh", h))
        return h, h

    return step


def layer_norm_rnn(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
    h = np.tanh(normed(p, "ih", x) + normed(p, "hh", h))
    return h, h


def ind_rnn(f: Callable[[Array], Array]) -> Step:
    def step(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        h = f(affine(p, "ih", x) + p["weight_hh"] * h)
        return h, h

    return step


def lru(p: Params, x: Array, re: Array, im: Array) -> tuple[Array, ...]:
    """With complex numbers, as the authors write it."""
    n = re.shape[-1]
    lam = np.exp(-np.exp(p["nu_log"]) + 1j * np.exp(p["theta_log"]))
    b = p["weight_B"][:n] + 1j * p["weight_B"][n:]
    h = lam * (re + 1j * im) + np.exp(p["gamma_log"]) * (x @ b.T)
    c = p["weight_C_re"] + 1j * p["weight_C_im"]
    return (h @ c.T).real + p["weight_D"] * x, h.real, h.imag


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def min_gru(g: Callable[[Array], Array]) -> Step:
    def step(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        z, m = np.split(affine(p, "ih", x), 2, axis=-1)
        h = (1 - sigmoid(z)) * h + sigmoid(z) * g(m)
        return h, h

    return step


def min_lstm(g: Callable[[Array], Array]) -> Step:
    def step(p: Params, x: Array, h: Array) -> tuple[Array, ...]:
        f, i, m = np.split(affine(p, "ih", x), 3, axis=-1)
        f, i = sigmoid(f), sigmoid(i)
        h = f / (f + i) * h + i / (f + i) * g(m)
        return h, h

    return step


def above_zero(v: Array) -> Array:
    return np.where(v >= 0, v + 0.5, sigmoid(v))


CELLS: dict[str, Case] = {
    "lstm": (rb.LSTM, {}, lstm),
    "lstm, projected": (rb.LSTM, {"projection": 3}, projected),
    "lstm, normalised": (rb.LSTM, {"layer_norm": True}, layer_norm_lstm),
    "lstm, coupled": (rb.LSTM, {"coupled": True}, coupled),
    "lstm, peepholes": (rb.LSTM, {"peepholes": True}, peephole),
    "lstm, all": (
        rb.LSTM,
        {"peepholes": True, "projection": 2, "layer_norm": True, "coupled": True},
        lstm_of_all,
    ),
    "lstm, zoned out": (rb.LSTM, {"zoneout": (0.1, 0.3)}, zoned_lstm),
    "gru, reset after": (rb.GRU, {"reset_after": True}, gru(affine)),
    "gru, reset before": (rb.GRU, {"reset_after": False}, gru_before),
    "gru, normalised": (rb.GRU, {"layer_norm": True}, gru(normed)),
    "rnn, tanh": (rb.RNN, {"activation": "tanh"}, rnn(np.tanh)),
    "rnn, relu": (rb.RNN, {"activation": "relu"}, rnn(relu)),
    "rnn, leaky": (rb.RNN, {"activation": "relu", "leak": 0.3}, rnn(relu, 0.3)),
    "rnn, normalised": (rb.RNN, {"layer_norm": True}, layer_norm_rnn),
    "gru, zoned out": (rb.GRU, {"zoneout": 0.2}, zoned(gru(affine), 0.2)),
    "rnn, dropped out": (
        rb.RNN,
        {"zoneout": 0.4, "dropout": 0.5, "recurrent_dropout": 0.2},
        zoned(rnn(np.tanh), 0.4),
    ),
    "indrnn": (rb.IndRNN, {}, ind_rnn(relu)),
    "indrnn, tanh": (rb.IndRNN, {"activation": "tanh"}, ind_rnn(np.tanh)),
    "slstm": (rb.SLSTM, {}, slstm(lambda f: np.log(sigmoid(f)))),
    "slstm, exp": (rb.SLSTM, {"forget": "exp"}, slstm(lambda f: f)),
    "lru": (rb.LRU, {}, lru),
    "mingru": (rb.MinGRU, {}, min_gru(lambda v: v)),
    "mingru, positive": (rb.MinGRU, {"positive": True}, min_gru(above_zero)),
    "minlstm": (rb.MinLSTM, {}, min_lstm(lambda v: v)),
    "minlstm, positive": (rb.MinLSTM, {"positive": True}, min_lstm(above_zero)),
}

WAYS: list[tuple[str, dict[str, object]]] = [
    (name, {} if bias else {"bias": False})
    for bias in (True, False)
    for name in CELLS
    if bias or name != "lru"
]
"""Each of them with biases, and without if it has some."""
