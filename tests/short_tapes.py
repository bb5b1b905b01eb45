"""An LSTM's gradients from gates of 16 bits, step by step in float64: what kernels must compute."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

Reals = npt.NDArray[np.float64]


def fixed(x: Reals, low: float) -> Reals:
    """Rounded to 65535 numbers from ``low`` to 1, as tapes have those of tanh or of sigmoid."""
    size = 65534 / (1 - low)
    return low + np.rint((x - low) * size) / size


def sigmoid(z: Reals) -> Reals:
    found: Reals = 1 / (1 + np.exp(-z))
    return found


def lstm_gradients(
    params: Mapping[str, npt.NDArray[np.floating]], x: Reals, dy: Reals, chunk: int, *, rounds: bool
) -> dict[str, Reals]:
    """The gradients of Σ dy · y, in chunks before each of which h is not rounded.

    Args:
        params: weights stacked by gate: input, forget, cell, output. rounds: False for exact gates.
    """
    named = {name: array.astype(np.float64) for name, array in params.items()}
    tanh, gate = (partial(fixed, low=low) if rounds else np.positive for low in (-1, 0))
    steps, batch, n = dy.shape
    h = c = np.zeros((batch, n))
    tape, bias = list[tuple[Reals, ...]](), named["bias_ih"] + named["bias_hh"]
    last = h
    for t in range(steps):
        before = h if t % chunk == 0 else last
        z = x[t] @ named["weight_ih"].T + h @ named["weight_hh"].T + bias
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        old, c = c, f * c + i * g
        h, last = o * np.tanh(c), gate(o) * np.tanh(c)
        tape.append((gate(i), gate(f), tanh(g), gate(o), old, c, before))
    found = {name: np.zeros_like(array) for name, array in named.items()}
    dh = dc = np.zeros((batch, n))
    for t in reversed(range(steps)):
        i, f, g, o, old, c, before = tape[t]
        dh = dh + dy[t]
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        parts = dc * g * i * (1 - i), dc * old * f * (1 - f), dc * i * (1 - g**2)
        dz = np.concatenate([*parts, dh * np.tanh(c) * o * (1 - o)], axis=1)
        found["weight_ih"] += dz.T @ x[t]
        found["weight_hh"] += dz.T @ before
        found["bias_ih"] += dz.sum(0)
        found["bias_hh"] += dz.sum(0)
        dh, dc = dz @ named["weight_hh"], dc * f
    return found
