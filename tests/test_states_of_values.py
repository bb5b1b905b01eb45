"""Recurrents on symbolic values: direction, state in and out, and what they refuse."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.rewritten import recurrent_of
from rnnbp.graph.unrolled import Unrolled
from rnnbp.graph.values import Value


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN", "MinGRU", "MinLSTM", "IndRNN", "SLSTM"])
def test_a_cell_of_the_library_runs_in_reverse(name: str) -> None:
    rnn = getattr(rb, name)(3, 3, reverse=True)
    assert rnn.reverse
    assert repr(rnn) == f"{name}(3, 3, reverse=True)"
    assert not getattr(rb, name)(3, 3).reverse
    assert not getattr(rb, name)(3, 3, reverse=False).reverse


def test_a_direction_stays_in_copies() -> None:
    rnn = rb.LSTM(3, 4, reverse=True, name="back", dtype="float64", initial="learned")
    assert repr(rnn) == "LSTM(3, 4, initial='learned', reverse=True, name='back')"
    assert copy.deepcopy(rnn).reverse
    assert rnn.astype("float32").reverse
    assert recurrent_of(rnn, rnn.cell).reverse
    assert rb.Sequential(rnn).astype("float32")[0].reverse


def test_a_cell_of_ones_own_runs_in_reverse() -> None:
    x, h = rb.Input(2), rb.State(2)
    rnn = rb.Recurrent(rb.Cell(x, {h: h + x}, h + x, name="Sum"), reverse=True)
    assert repr(rnn) == "Sum(reverse=True)"


def test_a_state_has_the_form_of_the_states_of_the_cell() -> None:
    x = rb.Input(3)
    y, (h, c) = rb.LSTM(3, 4, projection=2)(x, return_state=True)
    assert (y.shape, h.shape, c.shape) == ((2,), (2,), (4,))
    assert (y.per, h.per, c.per) == ("step", "sequence", "sequence")
    _, state = rb.GRU(3, 4)(x, return_state=True)
    assert isinstance(state, Value)
    assert rb.Dense(4, 2)(state).per == "sequence"


def test_nodes_say_which_states_they_take_and_return() -> None:
    x, start = rb.Input(3), rb.Input(4, per="sequence")
    rnn = rb.LSTM(3, 4, name="rnn")
    first, (h, c) = rnn(x, return_state=True)
    second = rnn(x, state=(None, start))
    graph = rb.Graph((x, start), (first, second, h, c))
    blocks = [node.block for node in graph.nodes]
    assert [(b.given, b.takes_state, b.gives_state) for b in blocks if isinstance(b, Unrolled)] == [
        ((False, False), False, True),
        ((False, True), True, False),
    ]
    assert [b.in_pers for b in blocks if isinstance(b, Unrolled)] == [
        ("step",),
        ("step", "sequence"),
    ]
    assert [(node.args, node.outs) for node in graph.nodes] == [((0,), (2, 3, 4)), ((0, 1), (5,))]
    assert all(block.recurrent is rnn for block in blocks if isinstance(block, Unrolled))
    assert graph.layers == (rnn,)
    assert repr(graph) == "Graph(LSTM(3, 4, name='rnn'))"


def test_no_state_is_the_recurrent_itself() -> None:
    x, rnn = rb.Input(3), rb.LSTM(3, 4)
    for value in (rnn(x), rnn(x, state=None), rnn(x, state=(None, None), return_state=False)):
        assert rb.Graph(x, value).nodes[0].block is rnn


def test_parameters_are_those_of_the_recurrent_once_by_their_paths() -> None:
    x, rnn, other = rb.Input(3), rb.GRU(3, 3, initial="learned"), rb.GRU(3, 3, name="other")
    y, h = rnn(x, return_state=True)
    graph = rb.Graph(x, other(rnn(y, state=h), state=rb.Tanh()(h)))
    own = ["weight_ih", "bias_ih", "weight_hh", "bias_hh"]
    assert list(graph.params) == [
        *(f"0.{key}" for key in [*own, "initial_h"]),
        *(f"other.{key}" for key in own),
    ]
    assert graph.params["0.weight_ih"] is rnn.params["weight_ih"]
    assert graph.astype("float64").params["0.initial_h"].dtype == np.float64


def test_a_graph_with_states_flattens_in_another_under_its_name() -> None:
    x = rb.Input(3)
    y, h = rb.GRU(3, 4, name="rnn")(x, return_state=True)
    inner = rb.Graph(x, (rb.Dense(4, 2)(y), h), name="encoder")
    z, state = inner(source := rb.Input(3, axis="source"))
    assert (z.axis, state.axis, state.per) == ("source", "", "sequence")
    outer = rb.Graph(source, (z, rb.Dense(4, 2, name="head")(state)))
    assert [path for path in outer.params if "weight" in path] == [
        "encoder.rnn.weight_ih", "encoder.rnn.weight_hh", "encoder.1.weight", "head.weight",
    ]  # fmt: skip
    assert [type(node.block).__name__ for node in outer.nodes] == ["Unrolled", "Dense", "Dense"]
    copied = copy.deepcopy(outer)
    assert copied.nodes[0].block.recurrent is copied.layers[0]  # type: ignore[union-attr]  # an Unrolled


def test_what_follows_a_last_step_in_a_chain_is_static() -> None:
    model = rb.Sequential(rb.LSTM(3, 4), rb.Last(), rb.Dense(4, 5))
    assert repr(model) == "Sequential(LSTM(3, 4), Last(), Dense(4, 5))"
    assert list(model.params)[-2:] == ["2.weight", "2.bias"]
    assert repr(model[1]) == "Last()"
    assert "(B, 5)" in str(model.summary())
    assert model(rb.Input(3)).per == "sequence"


def test_a_whole_series_is_a_memory_and_a_mask() -> None:
    memory, mask = rb.WholeSeries()(rb.GRU(3, 4)(rb.Input(3)))
    assert (memory.per, mask.per, memory.shape, mask.shape) == ("sequence", "sequence", None, None)


def states() -> tuple[Value, Value, Value]:
    """A series, and the final state of an LSTM."""
    y, (h, c) = rb.LSTM(3, 4)(rb.Input(3, "x"), return_state=True)
    return y, h, c


LSTM, X = rb.LSTM(3, 4), rb.Input(3, "x")
WRONG: dict[str, tuple[Callable[[Value, Value, Value], Any], type[Exception], str]] = {
    "one state of two": (lambda y, h, c: LSTM(X, state=h), TypeError, r"2 states, h, c, found 1 initial value; give a tuple, state=\(h, c\)"),
    "three states": (lambda y, h, c: LSTM(X, state=(h, c, c)), TypeError, "2 states, h, c, found 3 initial values"),
    "two states of one": (lambda y, h, c: rb.GRU(3, 4)(X, state=[h, c]), TypeError, "1 state, h, found 2 initial values; give state=h"),
    "a series": (lambda y, h, c: LSTM(X, state=(h, y)), ValueError, r"state c is static, \(B, ...\), found <Value of LSTM.*a series; give one step of it, as Last\(\)\(series\)"),
    "another shape": (lambda y, h, c: LSTM(X, state=(rb.Dense(4, 3)(h), c)), rb.ShapeError, r"state h has features \(4,\), found \(3,\) as its initial value; project that first, as Dense\(3, 4\)"),
    "a parameter": (lambda y, h, c: LSTM(X, state=(rb.Parameter(4), c)), ValueError, "state h is one for each sequence.*initial='learned'"),
    "an array": (lambda y, h, c: LSTM(X, state=np.zeros((2, 4))), TypeError, "is a symbolic value, found an array.*predict"),
    "a number for return_state": (lambda y, h, c: LSTM(X, return_state=2), TypeError, r"LSTM\(3, 4\): return_state must be True or False, found 2"),
    "reverse of text": (lambda y, h, c: rb.LSTM(3, 4, reverse="yes"), TypeError, "LSTM: reverse must be True or False, found 'yes'"),
    "the last step of a static value": (lambda y, h, c: rb.Last()(h), ValueError, r"Last\(\): takes a series, found <Value.*one value for all steps; leave it out"),
    "two series": (lambda y, h, c: rb.MeanOverTime()(y, y), TypeError, r"MeanOverTime\(\): takes one series, found 2"),
    "an array in its place": (lambda y, h, c: rb.MaxOverTime()(np.ones(3)), TypeError, "is called on a symbolic value, or stands in a Sequential, found ndarray"),
    "a Recurrent after a last step": (lambda y, h, c: rb.Sequential(LSTM, rb.Last(), rb.GRU(4, 4)), ValueError, "no input has a value at each step"),
    "a graph after a last step": (lambda y, h, c: rb.Sequential(LSTM, rb.Last(), rb.Sequential(rb.GRU(4, 4))), ValueError, "no input has a value at each step"),
    "a last step in a cell": (lambda y, h, c: rb.Cell(X, {(s := rb.State(3)): rb.Last()(X) + s}, s), TypeError, r"Last\(\) cannot stand inside a cell"),
    "a final state in a cell": (lambda y, h, c: rb.Cell(X, {(s := rb.State(4)): LSTM(X, return_state=True)[1][0]}, s), TypeError, r"LSTM\(3, 4\) cannot stand inside a cell"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_place_found_and_cure(case: str) -> None:
    build, error, text = WRONG[case]
    with pytest.raises(error, match=text):
        build(*states())
