"""bfloat16 in NumPy, and an LSTM whose products are of numbers rounded to it, independent of the library's code."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tests.short_tapes import fixed

Floats = npt.NDArray[np.floating[Any]]
LEAST = (0, 0, -1, 0)
"""The least value of each gate."""


def rounded(x: Floats) -> Floats:
    """float32 numbers rounded to bfloat16, to nearest even; NaN stays NaN, subnormal numbers become 0."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    near = (bits + np.uint32(0x7FFF) + (bits >> 16 & 1)) & np.uint32(0xFFFF0000)
    near = np.where(bits & 0x7F800000 == 0, bits & np.uint32(0x80000000), near)
    quiet = (bits | np.uint32(0x400000)) & np.uint32(0xFFFF0000)
    return np.where(np.isnan(x), quiet, near).astype(np.uint32).view(np.float32)


def product(a: Floats, b: Floats) -> Floats:
    """a b of rounded operands, the sums in float64 and then rounded to float32."""
    return (rounded(a).astype(np.float64) @ rounded(b).astype(np.float64)).astype(np.float32)


def _sigmoid(x: Floats) -> Floats:
    return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(np.float32)


def _kept(gate: Floats, low: float, *, short: bool) -> Floats:
    """A gate as its tape has it."""
    return fixed(gate.astype(np.float64), low).astype(np.float32) if short else gate


def lstm(
    params: dict[str, Floats], x: Floats, target: Floats, *, short: bool = False
) -> tuple[float, dict[str, Floats]]:
    """Loss and gradients of a mean squared error, in order i, f, g, o of gates; all products rounded.

    With ``short`` tapes are of 16 bits, and of one chunk: h within it is made again from them.
    """
    w, u, b = params["weight_ih"], params["weight_hh"], params["bias_ih"] + params["bias_hh"]
    (steps, batch, _), n = x.shape, u.shape[1]
    h: Floats = np.zeros((batch, n), np.float32)
    c: Floats = h
    hs, cs, gates = [h], [c], []
    for t in range(steps):
        a = np.split(product(x[t], w.T) + product(h, u.T) + b, 4, axis=1)
        i, f, g, o = _sigmoid(a[0]), _sigmoid(a[1]), np.tanh(a[2]), _sigmoid(a[3])
        c = f * c + i * g
        h = o * np.tanh(c)
        i, f, g, o = (
            _kept(a, low, short=short) for a, low in zip((i, f, g, o), LEAST, strict=True)
        )
        hs.append(o * np.tanh(c))
        cs.append(c)
        gates.append((i, f, g, o))
    y = np.stack(hs[1:])
    dy = (2 * (y - target) / y.size).astype(np.float32)
    deltas, dh, dc = np.zeros((steps, batch, 4 * n), np.float32), np.zeros_like(h), np.zeros_like(h)
    for t in reversed(range(steps)):
        i, f, g, o = gates[t]
        dh, top = dh + dy[t], np.tanh(cs[t + 1])
        dc = dc + dh * o * (1 - top**2)
        parts = [
            dc * g * i * (1 - i),
            dc * cs[t] * f * (1 - f),
            dc * i * (1 - g**2),
            dh * top * o * (1 - o),
        ]
        deltas[t] = np.concatenate(parts, axis=1)
        dh, dc = product(deltas[t], u), dc * f
    rows = deltas.reshape(-1, 4 * n)
    grads = {
        "weight_ih": product(rows.T, x.reshape(len(rows), -1)),
        "weight_hh": product(rows.T, np.stack(hs[:-1]).reshape(len(rows), -1)),
        "bias_ih": rows.sum(0, dtype=np.float64),
        "bias_hh": rows.sum(0, dtype=np.float64),
        "dx": product(rows, w).reshape(x.shape),
    }
    return float(((y - target).astype(np.float64) ** 2).mean()), grads
