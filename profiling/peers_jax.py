"""JAX: each cell a step of a ``scan``, what needs only x before it; forward and backward jitted as one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import numpy as jnp
from peers_literature_jax import FORWARD as LITERATURE
from peers_literature_jax import Scan, Weights
from peers_problem import Prepared, Problem, Results


def scanned(
    step: Callable[[Any, Any], Any], state: Any, from_x: Any, *, unroll: int, split: bool
) -> Any:
    """y (T, B, units), the first of the state after each step."""

    def body(state: Any, from_x: Any) -> tuple[Any, Any]:
        new = step(state, from_x)
        return new, new[0]

    return jax.lax.scan(body, state, from_x, unroll=unroll, _split_transpose=split)[1]


def rnn(w: Weights, x: Any, zeros: Any, scan: Scan) -> Any:
    u = w["weight_hh"].T
    from_x = x @ w["weight_ih"].T + w["bias_ih"] + w["bias_hh"]
    return scan(lambda state, x: (jnp.tanh(x + state[0] @ u),), (zeros,), from_x)


def lstm(w: Weights, x: Any, zeros: Any, scan: Scan) -> Any:
    u = w["weight_hh"].T

    def step(state: Any, x: Any) -> Any:
        h, c = state
        i, f, g, o = jnp.split(x + h @ u, 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        return jax.nn.sigmoid(o) * jnp.tanh(c), c

    return scan(step, (zeros, zeros), x @ w["weight_ih"].T + w["bias_ih"] + w["bias_hh"])


def gru(w: Weights, x: Any, zeros: Any, scan: Scan) -> Any:
    u, b = w["weight_hh"].T, w["bias_hh"]

    def step(state: Any, x: Any) -> Any:
        (h,) = state
        xr, xz, xm = jnp.split(x, 3, axis=-1)
        hr, hz, hm = jnp.split(h @ u + b, 3, axis=-1)
        r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
        return ((1 - z) * jnp.tanh(xm + r * hm) + z * h,)

    return scan(step, (zeros,), x @ w["weight_ih"].T + w["bias_ih"])


def mgu(w: Weights, x: Any, zeros: Any, scan: Scan) -> Any:
    u_f, u_m = w["weight_1_f"].T, w["weight_1_m"].T

    def step(state: Any, x: Any) -> Any:
        (h,) = state
        x_f, x_m = jnp.split(x, 2, axis=-1)
        f = jax.nn.sigmoid(x_f + h @ u_f)
        return ((1 - f) * h + f * jnp.tanh(x_m + (f * h) @ u_m),)

    weight = jnp.concatenate((w["weight_0_f"], w["weight_0_m"]))
    return scan(step, (zeros,), x @ weight.T + jnp.concatenate((w["bias_f"], w["bias_m"])))


def norm(w: Weights, x: Any, zeros: Any, scan: Scan) -> Any:
    u = w["weight_1_a"].T

    def step(state: Any, x: Any) -> Any:
        a = x + state[0] @ u
        a = a - a.mean(-1, keepdims=True)
        normal = a * jax.lax.rsqrt((a * a).mean(-1, keepdims=True) + 1e-5)
        return (jnp.tanh(normal * w["weight_norm"] + w["bias_norm"]),)

    return scan(step, (zeros,), x @ w["weight_0_a"].T)


FORWARD = {"rnn": rnn, "lstm": lstm, "gru": gru, "mgu": mgu, "norm": norm}


def forward_of(
    problem: Problem, unroll: int, *, noise: bool, split: bool
) -> Callable[[Weights, Any], Any]:
    """From weights and x to y."""
    given = {
        "zeros": jnp.zeros_like(problem.target[0]),
        "scan": partial(scanned, unroll=unroll, split=split),
    }
    if problem.cell in FORWARD:
        return partial(FORWARD[problem.cell], **given)
    key = jax.random.key(0) if noise and problem.noisy else None
    return partial(LITERATURE[problem.cell], **given, key=key)


def prepared(problem: Problem, *, unroll: int = 1, split: bool = False) -> Prepared:
    """The first ``run`` compiles. ``split``: products by the weights leave the backward scan."""
    jax.config.update("jax_enable_x64", problem.x.dtype == np.float64)
    given = jax.tree.map(jnp.asarray, (problem.weights, problem.x, problem.target))

    def both(noise: bool, weights: Weights, x: Any, target: Any) -> Any:
        forward = forward_of(problem, unroll, noise=noise, split=split)

        def loss(weights: Weights, x: Any) -> tuple[Any, Any]:
            y = forward(weights, x)
            return jnp.mean((y - target) ** 2), y

        (_, y), gradients = jax.value_and_grad(loss, (0, 1), has_aux=True)(weights, x)
        return y, *gradients

    jitted = jax.jit(both, static_argnums=0)

    def read(found: Any) -> Results:
        y, by_weights, by_x = jitted(False, *given) if problem.noisy else found
        return {
            name: np.asarray(array) for name, array in {"y": y, "x": by_x, **by_weights}.items()
        }

    return lambda: jax.block_until_ready(jitted(True, *given)), read
