"""Sequentials nested hundreds deep are pickled: in one another, shared, with parts of models."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.sequential import FAR

X = np.random.default_rng(0).normal(size=(3, 2, 2)).astype(np.float32)
LOSS = rb.losses.MeanSquaredError()


def nested(depth: int) -> tuple[rb.Sequential, list[rb.Sequential]]:
    """A model, and all chains in it; a layer is shared by all."""
    tanh = rb.Tanh()
    chains = [rb.Sequential(rb.RNN(2, 3, rng=0), tanh)]
    for _ in range(depth):
        chains.append(rb.Sequential(chains[-1], tanh))
    return chains[-1], chains


def assert_alike(found: Any, model: rb.Sequential) -> None:
    assert repr(found) == repr(model)
    assert list(found.params) == list(model.params)
    assert len({id(node.block) for node in found.nodes[1:]}) == 1
    a, b = (
        rb.bptt(m, X, X[..., :1] * np.ones(3, np.float32), LOSS, backend="interpreter")
        for m in (found, model)
    )
    for path, g in a.grads.items():
        np.testing.assert_array_equal(g, b.grads[path])
        assert found.params[path] is not model.params[path]


HOW = [
    (1, 2),
    (FAR, 0),
    (FAR + 1, 1),
    (2 * FAR + 1, 3),
    pytest.param(300, pickle.DEFAULT_PROTOCOL, marks=pytest.mark.long),
    (300, pickle.HIGHEST_PROTOCOL),
]


@pytest.mark.long
@pytest.mark.parametrize(("depth", "protocol"), HOW)
def test_a_chain_of_chains(depth: int, protocol: int) -> None:
    model, _ = nested(depth)
    assert_alike(pickle.loads(pickle.dumps(model, protocol)), model)


def test_by_python_alone() -> None:
    model, _ = nested(120)
    assert_alike(pickle._loads(pickle._dumps(model)), model)  # type: ignore[attr-defined]


def test_chains_that_others_have_too() -> None:
    model, chains = nested(200)
    found, within = pickle.loads(pickle.dumps((model, chains)))
    assert within[-1] is found
    for outer, inner in zip(within[1:], within, strict=False):
        assert outer.blocks[0] is inner
    assert_alike(found, model)


def test_two_deep_branches_and_their_optimiser() -> None:
    (left, _), (right, _) = nested(150), nested(60)
    x = rb.Input(2)
    model = rb.Sequential(
        rb.Graph(x, left(x) + right(x)), rb.Sequential(left.blocks[1], nested(80)[0].blocks[1])
    )
    wide = rb.Sequential(left, rb.Dense(3, 2, rng=0), right)
    optimizer = rb.optim.Adam(wide)
    found, other, again = pickle.loads(pickle.dumps((model, wide, optimizer)))
    assert repr(found) == repr(model)
    assert repr(other) == repr(wide)
    assert all(a is b for a, b in zip(again.params.values(), other.params.values(), strict=True))


class Named(rb.Sequential):
    """A chain with an attribute of its own."""

    name = "none"


def test_a_class_of_ones_own() -> None:
    model: Any = rb.Sequential(rb.Dense(2, 2, rng=0))
    for k in range(3 * FAR):
        model = Named(model)
        model.name = str(k)
    found = pickle.loads(pickle.dumps(model))
    for k in reversed(range(3 * FAR)):
        assert (type(found), found.name) == (Named, str(k))
        found = found.blocks[0]
