"""The gradient by a series that one input reads is written in memory of any content, not added to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.over_time_bytes import BATCH, CHUNK, MSE, Problem

Arrays = np.ndarray[Any, Any]
T, B, IN, OUT = 300, 4, 30, 5
LENGTHS = np.array([9, 300, 170, 33])


def series(*shape: int) -> Arrays:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def one(reverse: bool) -> rb.layers.Layer:
    return rb.LSTM(IN, OUT, rng=0, reverse=reverse, dtype="float64")


def both(merge: Any) -> Any:
    return rb.Bidirectional(one(False), one(True), merge=merge)


MODELS: dict[str, Callable[[], Any]] = {
    "forward": lambda: one(False),
    "reverse": lambda: one(True),
    "two readers": lambda: both("sum"),
}


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [1, 2, 3, 0]])
@pytest.mark.parametrize("name", MODELS)
def test_each_row_has_its_own_and_zeros_past_its_end(name: str, order: list[int]) -> None:
    model, lengths = MODELS[name](), LENGTHS[order]
    x, target = series(T, B, IN), series(T, B, OUT)
    run = partial(rb.bptt, model, x, target, MSE, chunk=16, lengths=lengths)
    first = run()
    first.dx[...] = np.nan  # whatever of it is used again
    kept, found = first.dx, run().dx
    assert found is not kept
    for row, length in enumerate(lengths):
        own = slice(length), slice(row, row + 1)
        alone = rb.bptt(model, x[own], target[own], MSE, chunk=16).dx
        share = length / lengths.sum()
        assert np.allclose(found[own], alone * share, rtol=1e-10, atol=1e-16)
        assert not found[length:, row].any()


def test_two_readers_add_up() -> None:
    a, b = rb.Input(IN, "a"), rb.Input(IN, "b")
    apart = rb.Graph((a, b), one(False)(a) + one(True)(b))
    x, target = series(T, B, IN), series(T, B, OUT)
    how = {"chunk": 16, "lengths": LENGTHS}
    found = rb.bptt(both("sum"), x, target, MSE, **how).dx
    parts = rb.bptt(apart, {"a": x, "b": x}, target, MSE, **how).dx
    assert np.allclose(found, parts["a"] + parts["b"], rtol=1e-12, atol=1e-18)


def test_what_no_loss_reaches_is_zero() -> None:
    a, b = rb.Input(IN, "a"), rb.Input(IN, "b")
    graph = rb.Graph((a, b), {"one": one(False)(a), "other": one(True)(b)})
    xs, targets = {"a": series(T, B, IN), "b": series(T, B, IN)}, series(T, B, OUT)
    losses, target = {"one": MSE, "other": None}, {"one": targets, "other": None}
    for _ in range(3):
        found = rb.bptt(graph, xs, target, losses, chunk=16, lengths=LENGTHS)
        assert found.dx["a"].any()
        assert not found.dx["b"].any()
        for dx in found.dx.values():
            dx[...] = 7


@pytest.mark.long
def test_its_bytes_are_those_of_tracemalloc() -> None:
    rng, steps = np.random.default_rng(4), 20 * CHUNK
    lengths = rng.integers(steps // 10, steps + 1, BATCH)
    layer = rb.LSTM(256, 8, rng=0)
    x, target = series(steps, BATCH, 256).astype("f4"), series(steps, BATCH, 8).astype("f4")
    found = Problem(layer, x, target, MSE, {"lengths": lengths}).bytes(checkpoint="sqrt")
    assert found.forecast == found.ledger
    assert found.off == 0, found
