"""JAX: cells of the literature as steps of a ``scan``, what needs only x before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from peers_literature import EPS, LEAK, NOISE, ZONEOUT_C, ZONEOUT_H, connections

Weights = dict[str, Any]
Scan = Callable[[Callable[[Any, Any], Any], Any, Any], Any]
"""(step, state, what each step takes) -> the first of the state after each step."""


def affine(w: Weights, name: str, a: Any) -> Any:
    """Layer normalisation with its gain and bias."""
    a = a - a.mean(-1, keepdims=True)
    normal = a * jax.lax.rsqrt((a * a).mean(-1, keepdims=True) + EPS)
    return normal * w[f"weight_norm_{name}"] + w[f"bias_norm_{name}"]


def gates(w: Weights, x: Any) -> Any:
    return x @ w["weight_ih"].T + w["bias_ih"] + w["bias_hh"]


def peephole(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    u, sigmoid = w["weight_hh"].T, jax.nn.sigmoid

    def step(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + h @ u, 4, axis=-1)
        i, f = sigmoid(i + w["weight_ci"] * c), sigmoid(f + w["weight_cf"] * c)
        c = f * c + i * jnp.tanh(g)
        return sigmoid(o + w["weight_co"] * c) * jnp.tanh(c), c

    return scan(step, (zeros, zeros), gates(w, x))


def norm_lstm(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    u, sigmoid = w["weight_hh"].T, jax.nn.sigmoid

    def step(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + affine(w, "hh", h @ u), 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(affine(w, "c", c)), c

    return scan(step, (zeros, zeros), affine(w, "ih", x @ w["weight_ih"].T))


def zoneout(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    u, sigmoid = w["weight_hh"].T, jax.nn.sigmoid

    def new(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + h @ u, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
        return sigmoid(o) * jnp.tanh(c), c

    def mean(state: Any, x: Any) -> Any:
        found = zip(state, new(state, x), (ZONEOUT_H, ZONEOUT_C), strict=True)
        return tuple(rate * old + (1 - rate) * fresh for old, fresh, rate in found)

    def drawn(state: Any, given: Any) -> Any:
        x, *keep = given
        found = zip(state, new(state, x), keep, strict=True)
        return tuple(jnp.where(kept, old, fresh) for old, fresh, kept in found)

    if key is None:
        return scan(mean, (zeros, zeros), gates(w, x))
    keys, shape = jax.random.split(key), (len(x), *zeros.shape)
    keep = (
        jax.random.bernoulli(k, rate, shape)
        for k, rate in zip(keys, (ZONEOUT_H, ZONEOUT_C), strict=True)
    )
    return scan(drawn, (zeros, zeros), (gates(w, x), *keep))


def dale(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    kinds = connections(zeros.shape[-1], np.dtype(zeros.dtype))
    u = (jnp.abs(w["weight_hh"]) * kinds).T

    def step(state: Any, x: Any) -> Any:
        (h,) = state
        return ((1 - LEAK) * h + LEAK * jax.nn.relu(x + h @ u),)

    from_x = x @ w["weight_ih"].T + w["bias_ih"]
    if key is not None:
        from_x += NOISE * jax.random.normal(key, from_x.shape, from_x.dtype)
    return scan(step, (zeros,), from_x)


def mingru(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    z, new = jnp.split(x @ w["weight_ih"].T + w["bias_ih"], 2, axis=-1)

    def step(state: Any, given: Any) -> Any:
        (h,), (z, new) = state, given
        return ((1 - z) * h + z * new,)

    return scan(step, (zeros,), (jax.nn.sigmoid(z), new))


def lru(w: Weights, x: Any, zeros: Any, scan: Scan, key: Any) -> Any:
    decay = jnp.exp(-jnp.exp(w["nu_log"]) + 1j * jnp.exp(w["theta_log"]))
    re, im = jnp.split(x @ w["weight_B"].T, 2, axis=-1)
    from_x = jnp.exp(w["gamma_log"]) * (re + 1j * im)
    h = scan(lambda state, x: (decay * state[0] + x,), (jnp.zeros_like(from_x[0]),), from_x)
    return h.real @ w["weight_C_re"].T - h.imag @ w["weight_C_im"].T + w["weight_D"] * x


FORWARD: dict[str, Any] = {
    "peephole": peephole,
    "norm_lstm": norm_lstm,
    "zoneout": zoneout,
    "dale": dale,
    "mingru": mingru,
    "lru": lru,
}
