"""An LSTM in NumPy as a textbook has it: batch first, a step at a time, weight gradients added up at every step."""

from __future__ import annotations

from typing import Any

import numpy as np
from peers_problem import Prepared, Problem, Results

Array = np.ndarray


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def forward(weights: Results, x: Array) -> tuple[Array, list[Any]]:
    """x (B, T, inputs) -> y (B, T, units), and what backward needs of each step."""
    w, u, b = weights["weight_ih"], weights["weight_hh"], weights["bias_ih"] + weights["bias_hh"]
    h = c = np.zeros((len(x), u.shape[1]), x.dtype)
    hs, kept = [], []
    for t in range(x.shape[1]):
        before = h, c
        z = x[:, t] @ w.T + h @ u.T + b
        i, f, g, o = np.split(z, 4, axis=1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        c = f * c + i * g
        tanh_c = np.tanh(c)
        h = o * tanh_c
        hs.append(h)
        kept.append((*before, i, f, g, o, tanh_c))
    return np.stack(hs, axis=1), kept


def backward(weights: Results, x: Array, kept: list[Any], dy: Array) -> Results:
    """Gradients by x and by the weights; dy (B, T, units)."""
    w, u = weights["weight_ih"], weights["weight_hh"]
    dx, dw, du, db = (
        np.empty_like(x),
        np.zeros_like(w),
        np.zeros_like(u),
        np.zeros_like(weights["bias_ih"]),
    )
    dh = dc = np.zeros_like(dy[:, 0])
    for t in reversed(range(x.shape[1])):
        h, c, i, f, g, o, tanh_c = kept[t]
        dh = dh + dy[:, t]
        dc = dc + dh * o * (1 - tanh_c**2)
        by_gate = (
            dc * g * i * (1 - i),
            dc * c * f * (1 - f),
            dc * i * (1 - g**2),
            dh * tanh_c * o * (1 - o),
        )
        dz = np.concatenate(by_gate, axis=1)
        dw += dz.T @ x[:, t]
        du += dz.T @ h
        db += dz.sum(axis=0)
        dx[:, t] = dz @ w
        dh = dz @ u
        dc = dc * f
    return {"x": dx, "weight_ih": dw, "weight_hh": du, "bias_ih": db, "bias_hh": db}


def prepared(problem: Problem) -> Prepared:
    x, target = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in (problem.x, problem.target))

    def run() -> tuple[Array, Results]:
        y, kept = forward(problem.weights, x)
        dy = (y - target) * y.dtype.type(2 / y.size)
        return y, backward(problem.weights, x, kept, dy)

    def read(found: tuple[Array, Results]) -> Results:
        y, grads = found
        return {**grads, "y": y.swapaxes(0, 1), "x": grads["x"].swapaxes(0, 1)}

    return run, read
