"""Networks over time whose cells look up a whole series."""

from __future__ import annotations

from typing import Any

import rnnbp as rb
from tests.over_time_layers import IN, N, dense, gru, of


def attending(kind: Any, n: int, *, reverse: bool = False) -> Any:
    """A decoder's cell that looks up a memory (S, n) of each row."""
    x, h = rb.Input(IN, "a"), rb.State(n, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    sizes = {"n_query": n, "n_memory": n, "n_hidden": 3, **of(20)} if kind == "additive" else {}
    context = rb.Attention(kind, **sizes)(h, memory, mask)
    h_new = rb.Tanh()(dense(21, (IN, n, n), n)(x, h, context))
    cell = rb.Cell((x, memory, mask), {h: h_new}, output=h_new)
    return rb.Recurrent(cell, reverse=reverse)


def by_attention(kind: Any = "dot") -> Any:
    """An encoder of both directions, whose series a decoder looks up; it starts from their ends."""
    source, x = rb.Input(IN, "source", axis="source"), rb.Input(IN, "x")
    forward, a = gru(0)(source, return_state=True)
    backward, b = gru(1, reverse=True)(source, return_state=True)
    memory, mask = rb.WholeSeries()(rb.Concat(N, N)(forward, backward))
    start = rb.Tanh()(dense(2, (N, N), 2 * N)(a, b))
    y = attending(kind, 2 * N)(x, memory, mask, state=start)
    return rb.Graph((source, x), dense(3, 2 * N)(y))


def self_attention() -> Any:
    """Both directions of an axis look up a reverse series of the same axis."""
    x = rb.Input(IN, "x")
    memory, mask = rb.WholeSeries()(gru(0, reverse=True)(x))
    y = attending("dot", N)(x, memory, mask) + attending("dot", N, reverse=True)(x, memory, mask)
    return rb.Graph(x, y)
