"""Cells that look up a memory of each sequence, whose size is not known when they are written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.graph.values import Value

Array = np.ndarray
T, B, S = 6, 3, 5
"""Steps, sequences and positions."""
N_IN, N, N_MEMORY = 3, 4, 6
"""Features of x, of the state, and of the memory's lines."""
OPTIONS: Any = {"dtype": "float64", "rng": 1}


def dense(n: Any, n_out: int, seed: int, **options: Any) -> rb.Dense:
    return rb.Dense(n, n_out, dtype="float64", rng=seed, **options)


def inputs() -> tuple[Value, Value, Value, Value]:
    """x, memory, mask and the state."""
    memory = rb.Input(None, "memory", per="sequence")
    mask = rb.Input(None, "mask", per="sequence")
    return rb.Input(N_IN, "x"), memory, mask, rb.State(N, "h")


def attention(kind: Any, **options: Any) -> rb.Attention:
    """One for the state as query."""
    if kind == "dot":
        return rb.Attention(kind, **options)
    return rb.Attention(kind, n_query=N, n_memory=N_MEMORY, n_hidden=7, **OPTIONS, **options)


def lines(kind: str) -> int:
    """Features of the memory's lines."""
    return N if kind == "dot" else N_MEMORY


def decoder(kind: str, *, masked: bool = True) -> Any:
    """h' = tanh(W x + V h + U c), c what the state before looks up."""
    x, memory, mask, h = inputs()
    context = attention(kind)(h, memory, *([mask] if masked else []))
    h_new = rb.Tanh()(dense((N_IN, N, lines(kind)), N, 2)(x, h, context))
    given = (x, memory, mask) if masked else (x, memory)
    return rb.Recurrent(rb.Cell(given, {h: h_new}, output=h_new))


def of_output(kind: str) -> Any:
    """The new state looks up what goes into the output alone, next to the weights."""
    x, memory, mask, h = inputs()
    h_new = rb.Tanh()(dense((N_IN, N), N, 2)(x, h))
    found: Any = attention(kind, weights=True)(h_new, memory, mask)
    context, weights = found
    y = rb.Concat(lines(kind), N, 1)(context, h_new, rb.Sum()(weights * weights))
    return rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=y))


def by_input(kind: str) -> Any:
    """The query is a function of x, so that all is computed before the loop."""
    x, memory, mask, h = inputs()
    context = attention(kind)(dense(N_IN, N, 3)(x), memory, mask)
    h_new = rb.Tanh()(dense((N, lines(kind)), N, 2)(h, context))
    return rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=h_new))


def twice(kind: str) -> Any:
    """One attention on two queries: it shares its parameters."""
    x, memory, mask, h = inputs()
    lookup = attention(kind)
    context = lookup(h, memory, mask) + lookup(rb.Tanh()(dense(N, N, 4)(h)), memory, mask)
    h_new = rb.Tanh()(dense((N_IN, lines(kind)), N, 2)(x, context))
    return rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=h_new))


MODELS: dict[str, Callable[[str], Any]] = {
    "decoder": decoder,
    "without a mask": lambda kind: decoder(kind, masked=False),
    "of output": of_output,
    "by input": by_input,
    "twice": twice,
}


def data(name: str, kind: str, steps: int = T, batch: int = B) -> tuple[dict[str, Array], Array]:
    """The inputs of a model by name, and a target."""
    rng = np.random.default_rng(0)
    given = {
        "x": rng.normal(size=(steps, batch, N_IN)),
        "memory": rng.normal(size=(batch, S, lines(kind))),
        "mask": (np.arange(S) < np.arange(batch)[:, None] % S + 1).astype(float),
    }
    if name == "without a mask":
        del given["mask"]
    width = N + lines(kind) + 1 if name == "of output" else N
    return given, rng.normal(size=(steps, batch, width))
