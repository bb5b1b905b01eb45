"""Cells for the rewrite rules, and what a rule makes of their code."""

from __future__ import annotations

from collections.abc import Callable

import rnnbp as rb
from rnnbp.compiler.code import Code
from rnnbp.compiler.compile import Codes, codes
from rnnbp.compiler.passes import RULES
from rnnbp.compiler.step import step_code
from rnnbp.compiler.weights import Matrix

N_IN, N = 3, 4
MSE = rb.losses.MeanSquaredError()


def dense(*n_in: int, n_out: int = N, rng: int = 0) -> rb.Dense:
    """A Dense of one or several inputs, in float64."""
    return rb.Dense(n_in if len(n_in) > 1 else n_in[0], n_out, dtype="float64", rng=rng)


def gates(*activations: Callable[[], rb.Layer]) -> rb.Recurrent:
    """One Dense for several gates, all of them multiplied."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    parts = rb.Split(*[N] * len(activations))(dense(N_IN, N, n_out=N * len(activations))(x, h))
    h_new = h
    for activation, part in zip(activations, parts, strict=True):
        h_new = h_new * activation()(part)
    return rb.Recurrent(rb.Cell(x, {h: h_new + x_part(x)}, output=h_new))


def x_part(x: rb.Value) -> rb.Value:
    """A Dense of x."""
    found: rb.Value = dense(N_IN, rng=9)(x)
    return found


def one_by_one(*activations: Callable[[], rb.Layer]) -> rb.Recurrent:
    """A Dense for each gate and input."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = h
    for k, activation in enumerate(activations):
        h_new = h_new * activation()(dense(N_IN, rng=k)(x) + dense(N, rng=10 + k)(h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def numbers() -> rb.Recurrent:
    """3 (¼ (4 z)) is 3z; ½w is in the weights, not doubled, as w is used twice; a − b; 6h + 2½."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    z, half, plus = dense(N_IN, N)(x, h), 0.5 * dense(N_IN, rng=1)(x), 1 + dense(N_IN, rng=2)(x)
    h_new = rb.Tanh()(3 * (0.25 * (4 * z))) * plus + -1 * (rb.Tanh()(2 * half) * half)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=2 * (3 * h + 1) + 0.5))


def peephole() -> rb.Recurrent:
    """A state that goes through two factors on its way: its delta does too."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    h_new = rb.Tanh()(rb.Sigmoid()(dense(N_IN, rng=1)(x)) * h) * rb.Sigmoid()(dense(N_IN, rng=2)(x))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


def lstm(order: str) -> rb.Recurrent:
    """Gate by gate, the gates written in some order, the factors too."""
    x, h, c = rb.Input(N_IN), rb.State(N, "h"), rb.State(N, "c")
    given = {gate: dense(N_IN, rng=ord(gate))(x) + dense(N, rng=ord(gate) + 9)(h) for gate in order}
    i, f, g, o = (
        rb.Tanh()(given[gate]) if gate == "g" else rb.Sigmoid()(given[gate]) for gate in "ifgo"
    )
    c_new = f * c + i * g if order == "ifgo" else g * i + c * f
    h_new = o * rb.Tanh()(c_new)
    return rb.Recurrent(rb.Cell(x, {h: h_new, c: c_new}, output=h_new))


def count(code: Code, *names: str) -> int:
    """How many operations have one of these names."""
    return sum(op.name in names for op in code.ops)


def matrices(code: Code) -> list[Matrix]:
    """What its products take of the weights."""
    found = [op.attr for op in code.ops if op.name == "linear"]
    kept = [matrix for matrix in found if isinstance(matrix, Matrix)]
    assert len(kept) == len(found)
    return kept


def only(cell: rb.Recurrent, *on: str) -> Codes:
    """The codes with some rules alone."""
    without = tuple(rule for rule in RULES if rule not in on)
    return codes(
        cell.cell,
        [s or () for s in cell.cell.value_shapes((N_IN,), *cell.cell.state_shapes)],
        without=without,
    )


def loop(cell: rb.Recurrent, *on: str) -> tuple[list[str], list[str]]:
    """The names of the operations in the time loop, forward and backward, with some rules alone."""
    step = step_code(cell.cell, ((N_IN,),), frozenset(RULES) - set(on))
    forward, backward = (
        [op.name for op in half.code.ops if half.phases[id(op)] == "loop"]
        for half in (step.forward, step.backward)
    )
    return forward, backward


CELLS: dict[str, Callable[[], rb.Recurrent]] = {
    "constants": numbers,
    "parts": lambda: gates(rb.Sigmoid, rb.Tanh),
    "sums": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "ordered": lambda: lstm("ogfi"),
    "gathered": peephole,
    "scaled tanh": lambda: one_by_one(rb.Sigmoid),
    "products": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "turned": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "joined": lambda: gates(rb.Sigmoid, rb.Sigmoid),
    "recomputed": lambda: one_by_one(rb.Sigmoid, rb.Tanh),
    "hoisted": lambda: one_by_one(rb.Sigmoid),
}
"""For each rule a cell to which it does something."""
