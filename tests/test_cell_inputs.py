"""Cells of several inputs: how they are written, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rnnbp as rb
from rnnbp.graph.cell import Cell
from rnnbp.graph.values import Value


def pair(per: str = "sequence") -> tuple[Value, Value, Value]:
    """x (3,), s (2,), h (4,)."""
    return rb.Input(3, "x"), rb.Input(2, "s", per=per), rb.State(4, "h")  # type: ignore[arg-type]


def gated() -> Cell:
    """A step whose gate depends on a static input."""
    x, s, h = pair()
    h_new = rb.Sigmoid()(rb.Dense(2, 4)(s)) * rb.Tanh()(rb.Dense((3, 4), 4)(x, h))
    return rb.Cell((x, s), {h: h_new}, output=h_new)


@pytest.mark.quick
def test_inputs_come_before_states() -> None:
    cell = gated()
    assert (cell.n_inputs, cell.input_shapes) == (2, ((3,), (2,), (4,)))
    assert cell.pers == ("step", "sequence", "step")
    assert cell.input_names == ("x", "s", "h")


@pytest.mark.quick
def test_what_is_computed_changes_as_often_as_its_finest_argument() -> None:
    x, s, _ = pair()
    assert rb.Dense(2, 4)(s).per == "sequence"
    assert rb.Dense((2, 3), 4)(s, x).per == "step"
    assert rb.Recurrent(gated())(x, s).per == "step"


WRONG: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "a series for a static input": (
        lambda: rb.Recurrent(gated())(*pair("step")[:2]),
        ValueError,
        r"input s is static \(per='sequence'\), found <Value s of feature shape \(2,\)>, which has a value",
    ),
    "too few": (
        lambda: rb.Recurrent(gated())(rb.Input(3)),
        TypeError,
        "takes 2 inputs, x, s, found 1; give one for each Input of its cell",
    ),
    "too many": (
        lambda: rb.GRU(5, 4)(rb.Input(3), rb.Input(2)),
        TypeError,
        r"takes 1 input, found 2; join them first, as Concat\(3, 2\)\(...\) does",
    ),
    "another size": (
        lambda: rb.Recurrent(gated())(rb.Input(3), rb.Input(5, per="sequence")),
        rb.ShapeError,
        "input s axis -1 must have size 2, found 5",
    ),
    "no series": (
        lambda: rb.Recurrent(gated())(rb.Input(3, per="sequence"), rb.Input(2, per="sequence")),
        ValueError,
        "no input has a value at each step",
    ),
    "a cell without a series": (
        lambda: rb.Cell(rb.Input(4, per="sequence"), {(h := rb.State(4)): h}, output=h),
        ValueError,
        "no input has a value at each step",
    ),
    "two of one name": (
        lambda: rb.Cell((rb.Input(4, "a"), rb.Input(4, "a")), {(h := rb.State(4)): h}, output=h),
        ValueError,
        "two inputs are called 'a'",
    ),
    "an unknown kind": (
        lambda: rb.Input(3, per="sequenc"),
        ValueError,
        r"per is 'step' or 'sequence', found 'sequenc' \(did you mean 'sequence'\?",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    make, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        make()
