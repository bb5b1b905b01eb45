"""rb.explain: what runs once a run stands apart from the steps."""

from __future__ import annotations

import re

import pytest

import rnnbp as rb


def cell() -> rb.Cell:
    """Half of w, and a gate of s, are computed once; u and b are read as they are."""
    x, s, h = rb.Input(3, "x"), rb.Input(2, "s", per="sequence"), rb.State(4, "h")
    w, u = rb.Parameter((4, 4), name="w"), rb.Parameter((4, 3), name="u")
    b, gate = rb.Parameter(4, name="b"), rb.Sigmoid()(rb.Dense(2, 4, name="gate")(s))
    h_new = gate * rb.Tanh()((0.5 * w) @ h + u @ x + b)
    return rb.Cell((x, s), {h: h_new}, output=h_new)


@pytest.mark.quick
def test_lines_of_once_are_formulas_of_parameters_and_static_inputs() -> None:
    found = rb.explain(cell())
    lines = {line.text for line in found.once}
    assert lines == {"u1 = Sigmoid(Dense(2, 4, name='gate')(s))", "u2 = ½ w"}
    assert {line.when for line in found.once} == {"once"}
    assert "once a run" in str(found)


def test_steps_take_what_was_computed_once() -> None:
    found = rb.explain(cell())
    packed = {packed.of for packed in found.packed}
    assert {("u2",), ("u",), ("b",)} <= packed
    assert any("u1 ⊙" in line.text for line in found.forward)
    assert any(re.fullmatch("du1 = Σ .*", line.text) for line in found.backward)
    assert found.inputs == (("x", (3,)), ("s", (2,)), ("h", (4,)))


def test_its_operations_are_none_of_a_step() -> None:
    plain = rb.Input(3, "x")
    h = rb.State(4, "h")
    new = rb.Tanh()(rb.Dense(4, 4, bias=False)(h) + rb.Dense(3, 4)(plain))
    expected = rb.explain(rb.Cell(plain, {h: new}, output=new))
    x, h = rb.Input(3, "x"), rb.State(4, "h")
    w, u = rb.Parameter((4, 4)), rb.Parameter((4, 3))
    new = rb.Tanh()((0.5 * w) @ h + (2 * u) @ x + rb.Parameter(4))
    found = rb.explain(rb.Cell(x, {h: new}, output=new))
    assert found.flops_per_step == expected.flops_per_step
    assert found.backward_flops_per_step == expected.backward_flops_per_step
    assert found.bytes_per_step == expected.bytes_per_step


@pytest.mark.quick
def test_a_cell_without_parameter_values_has_no_such_lines() -> None:
    found = rb.explain(rb.LSTM(3, 4))
    assert found.once == ()
    assert "once a run" not in str(found)


def test_parameters_are_called_so() -> None:
    assert "3 Parameter" in str(rb.explain(cell()))
