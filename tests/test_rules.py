"""Each rewrite rule alone: what it does to the code, no changed result, and leaving it out."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.code import Code
from rnnbp.compiler.passes import RULES
from tests import models
from tests.programs import agree
from tests.rule_cells import (
    CELLS,
    N_IN,
    N,
    count,
    dense,
    loop,
    lstm,
    matrices,
    numbers,
    only,
    peephole,
)


def test_every_rule_has_a_case() -> None:
    assert set(CELLS) == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_alone_changes_no_result(rule: str) -> None:
    agree(CELLS[rule](), np.random.default_rng(0).normal(size=(5, 3, N_IN)), set(RULES) - {rule})


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_that_is_left_out_does_nothing(rule: str) -> None:
    assert rule not in {
        change.rule for change in only(CELLS[rule](), *(set(RULES) - {rule})).changes
    }
    assert {change.rule for change in only(CELLS[rule](), rule).changes} == {rule} - {
        "recomputed",
        "hoisted",
    }


def test_constants() -> None:
    def scales(code: Code) -> list[tuple[float, float]]:
        return sorted(op.attr for op in code.ops if op.name == "scale")

    off, on = only(numbers()).forward, only(numbers(), "constants").forward
    assert (len(scales(off)), count(off, "sub")) == (11, 0)
    assert (scales(on), count(on, "sub")) == ([(1, 1), (2, 0), (6, 2.5)], 1)
    assert sorted(lane.factor for matrix in matrices(on) for lane in matrix.lanes) == [0.5, 1, 3, 3]
    unit = models.minimal_gated_unit(
        N_IN, N, "float64"
    )  # (1 − f) ⊙ h: f's delta is the difference of two
    assert [count(only(unit, *rules).backward, "sub") for rules in ((), ("constants",))] == [0, 1]


def test_constants_in_weights_whose_rows_backward_takes() -> None:
    """The halves of ½Wx are taken by products that are one forward, and two backward."""
    x, h = rb.Input(N_IN), rb.State(2 * N, "h")
    (a, b), (p, q) = rb.Split(N, N)(0.5 * dense(N_IN, n_out=2 * N)(x)), rb.Split(N, N)(h)
    model = rb.Recurrent(rb.Cell(x, {h: rb.Concat(N, N)(a * p, b * q)}, output=h))
    assert count(only(model, "constants", "joined").forward, "mul") == 1
    agree(
        model,
        np.random.default_rng(0).normal(size=(5, 3, N_IN)),
        set(RULES) - {"constants", "joined"},
    )


def test_a_number_that_changes_nothing_is_dropped() -> None:
    x, h = rb.Input(N_IN), rb.State(N, "h")
    model = rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(dense(N_IN, N)(x, h))}, output=-1 * (-1 * h)))
    code = only(model, "constants").forward
    assert (count(code, "scale"), code.outputs[0]) == (0, code.inputs[1])
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_a_difference_written_in_two_ways_is_one() -> None:
    """Backward takes the difference that is left after a − b and a + (−1) b have become one."""
    x, h = rb.Input(N_IN), rb.State(N, "h")
    a, b = rb.Tanh()(dense(N_IN)(x)), rb.Tanh()(dense(N, rng=1)(h))
    h_new = (a - b) * rb.Tanh()(a + -1 * b) * (a + -1 * b)
    model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    assert count(only(model, "constants").forward, "sub") == 1
    agree(model, np.random.default_rng(0).normal(size=(5, 3, N_IN)))


def test_parts() -> None:
    off, on = (only(CELLS["parts"](), *rules).forward for rules in ((), ("parts",)))
    assert (count(off, "linear"), count(off, "bias"), count(off, "part")) == (3, 2, 2)
    assert (count(on, "linear"), count(on, "bias"), count(on, "part")) == (5, 3, 0)


def test_sums() -> None:
    off, on = (only(CELLS["sums"](), *rules).forward for rules in ((), ("sums",)))
    assert (count(off, "bias"), count(on, "bias")) == (4, 2)
    bias = next(op for op in on.ops if op.name == "bias")
    assert on.made[bias.args[0]].args == (on.inputs[0],)  # on the part of x
    assert all(len(rows) == 2 for _, rows in bias.attr.lanes)


def listed(cell: rb.Recurrent, *rules: str) -> list[object]:
    return [(op.name, op.args, op.outs) for op in only(cell, *rules).forward.ops]


def test_ordered() -> None:
    assert listed(lstm("ifgo"), "ordered") == listed(lstm("ogfi"), "ordered")
    assert listed(lstm("ifgo")) != listed(lstm("ogfi"))


def crossed(swapped: bool) -> rb.Recurrent:
    """Two products of as many factors, and a sum of three, written in two ways."""
    x, h, c = rb.Input(N_IN), rb.State(N, "h"), rb.State(N, "c")
    z = [dense(N_IN)(x), dense(N)(h), dense(N)(c)]
    a, b = [rb.Sigmoid()(z[0]), rb.Tanh()(z[1])], [rb.Sigmoid()(z[1]), rb.Tanh()(z[0])]
    if swapped:
        a, b = b[::-1], a[::-1]
    total = z[2] + (z[1] + z[0]) if swapped else z[0] + z[1] + z[2]
    return rb.Recurrent(rb.Cell(x, {h: a[0] * a[1] + b[0] * b[1], c: rb.Tanh()(total)}, output=h))


def test_factors_and_terms_are_ordered() -> None:
    assert listed(crossed(False), "sums", "ordered") == listed(crossed(True), "sums", "ordered")
    assert listed(crossed(False), "sums") != listed(crossed(True), "sums")


def test_gathered() -> None:
    (_, off), (_, on) = loop(peephole(), "hoisted"), loop(peephole(), "hoisted", "gathered")
    assert (off.count("mul"), on.count("mul")) == (3, 2)


def test_scaled_tanh() -> None:
    off, on = (only(CELLS["scaled tanh"](), *rules).forward for rules in ((), ("scaled tanh",)))
    assert [(count(code, "sigmoid"), count(code, "tanh", "scale")) for code in (off, on)] == [
        (1, 0),
        (1, 0),
    ]
    assert all(lane.factor == -1 for matrix in matrices(on) for lane in matrix.lanes)
    assert all(lane.factor == 1 for matrix in matrices(off) for lane in matrix.lanes)


def test_products() -> None:
    off, on = (only(CELLS["products"](), *rules).forward for rules in ((), ("products",)))
    assert (count(off, "linear"), count(on, "linear")) == (4, 2)
    assert [len(matrix.lanes) for matrix in matrices(on)] == [2, 2]


def test_turned() -> None:
    off, on = (only(CELLS["turned"](), *rules).backward for rules in ((), ("turned",)))
    assert (count(off, "linear"), count(off, "grad_linear"), count(off, "grad_bias")) == (4, 4, 4)
    assert (count(on, "linear"), count(on, "grad_linear"), count(on, "grad_bias")) == (2, 2, 1)


def test_joined() -> None:
    off, on = (only(CELLS["joined"](), *rules) for rules in ((), ("joined",)))
    assert (count(off.forward, "sigmoid"), count(on.forward, "sigmoid")) == (2, 1)
    assert count(off.backward, "mul", "scale") > count(on.backward, "mul", "scale")


def test_recomputed() -> None:
    off, on = (only(CELLS["recomputed"](), *rules) for rules in ((), ("recomputed",)))
    assert (len(off.kept), len(on.kept)) == (3, 2)
    assert not set(off.backward.ops) & set(off.forward.ops)
    (again,) = set(on.backward.ops) & set(on.forward.ops)
    assert (again.name, again.args[0]) == ("mul", on.forward.inputs[1])  # h ⊙ σ(…)


def test_hoisted() -> None:
    (off, _), (on, _) = loop(CELLS["hoisted"]()), loop(CELLS["hoisted"](), "hoisted")
    assert (off.count("linear"), on.count("linear")) == (2, 1)
