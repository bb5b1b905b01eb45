"""Gates of one template: several of a kind, multiplied or summed, at any place of a cell."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.passes import RULES
from tests.programs import agree, half_square

COMPILED = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
Gate = Callable[[Any], Any]
TEMPLATES: dict[str, Gate] = {
    "silu": lambda a: a * rb.Sigmoid()(a),
    "sigmoid": lambda a: rb.Sigmoid()(a),
    "tanh": lambda a: rb.Tanh()(a),
    "gelu": lambda a: rb.GELU()(a),
    "tanh silu": lambda a: rb.Tanh()(a) * rb.Sigmoid()(a),
    "leftover": lambda a: a - rb.Sigmoid()(a),
    "relu": lambda a: rb.ReLU()(a) * rb.Sigmoid()(a),
}


def product(values: Any) -> Any:
    whole, *rest = values
    for v in rest:
        whole = whole * v
    return whole


def tree(values: Any) -> Any:
    """Products of neighbours, and of these."""
    found = list(values)
    while len(found) > 1:
        found = [product(found[k : k + 2]) for k in range(0, len(found), 2)]
    return found[0]


JOINS: dict[str, Callable[[Any], Any]] = {
    "product": product,
    "tree": tree,
    "from the last": lambda values: product(list(values)[::-1]),
    "sum of products": lambda values: product(list(values)[:2]) + product(list(values)[1:]),
}
LAST: dict[str, Gate] = {
    "": lambda v: v,
    "then gelu": lambda v: rb.GELU()(v),
    "then silu": TEMPLATES["silu"],
}


def cell_of(gates: list[str], join: str, last: str = "", n: int = 3) -> rb.Recurrent:
    """A cell whose gates are made from x and its state, each by a Dense of its own."""
    x, h = rb.Input(2), rb.State(n, "h")
    found = [
        TEMPLATES[kind](rb.Dense((2, n), n, rng=k, dtype="float64")(x, h))
        for k, kind in enumerate(gates)
    ]
    new = LAST[last](JOINS[join](found))
    return rb.Recurrent(rb.Cell(x, {h: new}, new))


def inputs(steps: int = 5, batch: int = 2) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(steps, batch, 2))


CASES = list(itertools.product(["silu"], [2, 3], JOINS, LAST))[::3]
CASES += list(itertools.product(TEMPLATES, [2, 4], JOINS, LAST))[::11]


@pytest.mark.one_in(2)
@pytest.mark.parametrize(("gate", "count", "join", "last"), CASES)
def test_gates_of_one_template(gate: str, count: int, join: str, last: str) -> None:
    model = cell_of([gate] * count, join, last)
    for without in ((), ("products",), ("turned", "recomputed")):
        agree(model, inputs(), without)


MIXED = list(itertools.combinations_with_replacement(TEMPLATES, 3))[::11]


@pytest.mark.parametrize("gates", MIXED, ids="-".join)
def test_gates_of_several_templates(gates: tuple[str, ...]) -> None:
    for join in JOINS:
        agree(cell_of(list(gates), join), inputs())


@pytest.mark.long
@pytest.mark.parametrize("backend", COMPILED)
def test_two_silus_multiplied(backend: str) -> None:
    for gates, join in ((["silu"] * 2, "product"), (["silu"] * 5, "tree")):
        model, x = cell_of(gates, join), inputs()
        wanted = rb.bptt(model, x, None, half_square, backend="interpreter")
        for without in ((), ("joined",), RULES):
            found = rb.bptt(
                model, x, None, half_square, backend=rb.Backend(backend, without=without)
            )
            assert found.loss == pytest.approx(wanted.loss, rel=1e-12)
            for name, grad in wanted.grads.items():
                np.testing.assert_allclose(found.grads[name], grad, rtol=0, atol=1e-12)


def test_two_silus_and_a_layer_that_runs_as_python() -> None:
    x, h = rb.Input(2), rb.State(3, "h")
    a, b = (TEMPLATES["silu"](rb.Dense((2, 3), 3, rng=k, dtype="float64")(x, h)) for k in range(2))
    model = rb.Recurrent(rb.Cell(x, {h: rb.Dropout(0.3)(a * b)}, h))
    wanted, *others = (
        rb.bptt(model, inputs(), None, half_square, backend=b) for b in ("interpreter", *COMPILED)
    )
    for found in others:
        assert found.loss == pytest.approx(wanted.loss, rel=1e-12)
        for name, grad in wanted.grads.items():
            np.testing.assert_allclose(found.grads[name], grad, rtol=0, atol=1e-12)


def half_dead(gate: Gate, n: int, shared: bool) -> rb.Recurrent:
    """Gates that are joined forward, of which one alone has deltas.

    What the others make reaches no output.
    """
    x, h, s = rb.Input(2), rb.State(3, "h"), rb.State(3, "s")
    gates = [gate(rb.Dense((2, 3), 3, rng=k, dtype="float64")(x, s)) for k in range(n)]
    dead = gates[0] - gates[0] if shared else gates[0]
    for other in gates[1:]:
        dead = dead - other
    after = rb.Tanh()(rb.Dense(3, 3, rng=9, dtype="float64")(gates[0]))
    return rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(dead), s: after}, rb.Concat(3, 2)(gates[0], x)))


HALVES: dict[str, Gate] = {
    "tanh σ": lambda a: rb.Tanh()(a) * rb.Sigmoid()(a),
    "silu": lambda a: a * rb.Sigmoid()(a),
    "gelu": lambda a: rb.GELU()(a),
    "σ": lambda a: rb.Sigmoid()(a) * rb.Scale(-1.0, 1.0)(rb.Sigmoid()(a)),
}


@pytest.mark.parametrize("without", [(), ("recomputed",), ("sums", "gathered", "recomputed")])
@pytest.mark.parametrize(("n", "shared"), [(2, True), (3, False)])
@pytest.mark.parametrize("gate", HALVES)
def test_gates_of_which_one_half_has_deltas(
    gate: str, n: int, shared: bool, without: tuple[str, ...]
) -> None:
    model, x = half_dead(HALVES[gate], n, shared), np.random.default_rng(0).normal(size=(5, 2, 2))
    agree(model, x, without)
