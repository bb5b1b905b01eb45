"""What graphs and cells refuse, and what they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests import models

WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "sizes in a Sequential": (
        lambda: rb.Sequential(rb.Dense(3, 4), rb.Tanh(), rb.Dense(5, 6)),
        rb.ShapeError,
        r"Sequential, item 2: Dense\(5, 6\): input axis -1 must have size 5, found 4",
    ),
    "sizes of a Recurrent": (
        lambda: rb.Sequential(rb.Dense(3, 4), rb.LSTM(5, 6)),
        rb.ShapeError,
        r"Sequential, item 1: LSTM.5, 6.: input axis -1 must have size 5, found 4 in shape \(4,\); give it",
    ),
    "a cell in a Sequential": (
        lambda: rb.Sequential(models.CELLS["lstm"](2, 2, "float32").cell),
        TypeError,
        r"has 3 inputs; a Cell is one step: give Recurrent\(cell\), which runs it over the steps",
    ),
    "a class in a Sequential": (lambda: rb.Sequential(rb.Tanh), TypeError, "item 0 is .*not a layer; give Tanh"),
    "an empty Sequential": (lambda: rb.Sequential(), ValueError, "Sequential is empty"),
    "several outputs in a Sequential": (lambda: rb.Sequential(rb.Split(1, 2)), rb.ShapeError, "several outputs"),
    "an input left out": (lambda: rb.Graph(rb.Input(2), rb.Tanh()(rb.Input(2))), ValueError, "not among the inputs"),
    "an input twice": (lambda: two_the_same(), ValueError, "an input is listed twice"),
    "arrays in a Graph": (lambda: rb.Graph(np.ones(3), rb.Input(3)), TypeError, "Graph takes symbolic values"),
    "a computed input": (lambda: computed_input(), ValueError, "a computed value cannot be one"),
    "array and value": (lambda: rb.Add()(rb.Input(2), np.ones(2)), TypeError, "cannot mix symbolic values with ndarray"),
    "complex array plus value": (lambda: np.ones(2, complex) + rb.Input(2), TypeError, "real numbers, found dtype complex128"),
    "text plus value": (lambda: rb.Input(2) + "1", TypeError, "found str"),
    "unequal merge": (lambda: rb.Input(2) + rb.Input(3), rb.ShapeError, r"Add\(\): .*axis -1: expected \(2,\).* \(3,\)"),
    "complex parameters of a cell": (lambda: rb.LSTM(3, 4, dtype="complex128"), rb.DtypeError, "float32 or float64, found dtype complex128; use"),
    "complex parameters of a layer": (lambda: rb.Dense(3, 4, dtype=complex), rb.DtypeError, "float32 or float64, found dtype complex128; use"),
    "a complex model": (lambda: rb.LSTM(3, 4).astype(np.complex128), rb.DtypeError, "float32 or float64, found dtype complex128"),
    "a dtype of None": (lambda: rb.Dense(3, 4, dtype=None), rb.DtypeError, "dtype None is not known; use 'float32'"),
    "complex initialiser": (lambda: rb.Dense(2, 2, weight_init=lambda rng, shape: np.full(shape, 1j)), rb.DtypeError, "Dense: weight: the initializer returned dtype complex128"),
    "initialiser of text": (lambda: rb.Dense(2, 2, bias_init=lambda rng, shape: np.full(shape, "a")), rb.DtypeError, "Dense: bias: the initializer returned dtype <U1"),
    "initialiser that float32 does not hold": (lambda: rb.Conv1D(1, 2, 2, weight_init=1e300), ValueError, r"Conv1D: weight: the initializer returned 1e\+300 at \[0, 0, 0\]; it must be finite in float32"),
    "initialiser nan": (lambda: rb.Dense(2, 2, weight_init=float("nan")), ValueError, r"Dense: weight: its initial value must lie in \(-inf, inf\), found nan"),
    "no initialiser": (lambda: rb.Dense(2, 2, weight_init=None), TypeError, "Dense: weight: an initializer is a name, a number, an array or a function, found None; for values"),
    "an array as initialiser": (lambda: rb.LSTM(2, 2, input_init=np.ones((2, 8))), ValueError, r"values have shape \(2, 8\), the parameter has \(8, 2\); give its transpose"),
    "a constant of text": (lambda: rb.initializers.constant("1"), TypeError, r"constant: value must be a number .*, found '1'"),
    "a limit below 0": (lambda: rb.initializers.uniform(-1), ValueError, r"uniform: limit must lie in \[0, inf\), found -1"),
    "a seed of text": (lambda: rb.Dense(2, 2, rng="a"), TypeError, "Dense: rng must be a seed from 0, a Generator or None, found 'a'"),
    "a negative seed of a cell": (lambda: rb.GRU(2, 2, rng=-1), ValueError, "GRU: rng must be a seed from 0, .* found -1"),
    "an input size of zero in a cell": (lambda: rb.LSTM(0, 4), ValueError, "LSTM: n_in must be at least 1, found 0"),
    "several inputs of a cell": (lambda: rb.LSTM((3, 4), 4), TypeError, r"LSTM: n_in must be an integer, found \(3, 4\)"),
    "bias of text": (lambda: rb.LSTM(2, 2, bias="no"), TypeError, "LSTM: bias must be True or False, found 'no'"),
    "reset_after of text": (lambda: rb.GRU(2, 2, reset_after="no"), TypeError, "GRU: reset_after must be True or False, found 'no'"),
    "forget bias of text": (lambda: rb.LSTM(2, 2, forget_bias="1"), TypeError, r"LSTM: forget_bias must be a number .*, found '1'"),
    "forget bias NaN": (lambda: rb.LSTM(2, 2, forget_bias=float("nan")), ValueError, r"LSTM: forget_bias must lie in \(-inf, inf\), found nan"),
    "an array as initial state": (lambda: rb.LSTM(2, 2, initial=np.zeros(2)), ValueError, r"'learned', found an array of shape \(2,\); give other values as state="),
    "an activation of another type": (lambda: rb.RNN(2, 2, activation=[1]), ValueError, r"'tanh' or 'relu', found \[1\]"),
    "next states as a list": (lambda: rb.Cell(rb.Input(2), [rb.State(2)], rb.State(2)), TypeError, "Cell: next_state maps each State to its next value, as {h: h_new}; found list"),
    "two states of one name": (lambda: two_states("h", "h"), ValueError, "Cell: states 0 and 1 are both called 'h'; give State"),
    "a state with the number of another": (lambda: two_states("1", ""), ValueError, "Cell: states 0 and 1 are both called '1'"),
    "a name that is a size": (lambda: rb.State(3, 4), TypeError, "State: name is a string, found 4; give a shape of several axes as a tuple"),
    "an initial state of another dtype": (
        lambda: rb.Recurrent(rb.LSTM(2, 2).cell, initial="learned", dtype="float64"),
        rb.DtypeError,
        "dtype is float64, that of the cell's parameters float32; leave it out",
    ),
    "next state of a shape that x gives": (
        lambda: rb.Sequential(rb.Dense(4, 2), follows_x()),
        rb.ShapeError,
        r"Sequential, item 1: .*: state h has shape \(3,\), and for this x its next value has \(2,\); make it State\(2\)",
    ),
    "next state of a shape that the array gives": (
        lambda: rb.predict(follows_x(), np.ones((5, 1, 2), np.float32)),
        rb.ShapeError,
        r"state h has shape \(3,\), and for this x its next value has \(2,\)",
    ),
    "feature axes too many": (
        lambda: rb.Dense(3, 4)(rb.Input((2, 3))),
        rb.ShapeError,
        r"Dense\(3, 4\): input must have feature shape \(3,\), found \(2, 3\), 1 axes more; .* put Flatten\(2\)",
    ),
    "feature axes of symbols": (
        lambda: rb.Sequential(rb.Dense(3, 3), symbol_cell()),
        rb.ShapeError,
        r"input must have feature shape \(\), found \(3,\), 1 axes more",
    ),
    "two inputs of a Dense of one": (lambda: rb.Dense(3, 4)(rb.Input(3), rb.Input(3)), rb.ShapeError, r"takes 1 input, found 2; give one for each size in n_in"),
    "one input of Add": (lambda: rb.Add()(rb.Input(2)), rb.ShapeError, r"Add\(\): merges at least 2 inputs, found 1; call it on all"),
    "three inputs of Add": (lambda: rb.Add()(rb.Input(2), rb.Input(2), rb.Input(2)), rb.ShapeError, r"found 3; build Add\(3\)"),
    "NaN times value": (lambda: rb.Input(2) * float("nan"), ValueError, "Scale: scale must lie in .*, found nan"),
    "a size of zero": (lambda: rb.Input(0), ValueError, "Input: size must be at least 1, found 0"),
    "a negative size": (lambda: rb.LSTM(3, -1), ValueError, "LSTM: n must be at least 1, found -1"),
    "a size of another type": (lambda: rb.Dense(3, 2.0), TypeError, r"Dense: n_out must be an integer, found 2\.0"),
    "a state without a size": (lambda: rb.State(None), TypeError, "State needs a size"),
    "half precision": (lambda: rb.Dense(2, 2, dtype="float16"), rb.DtypeError, "found dtype float16; use 'float32'"),
    "no dtype at all": (lambda: rb.Dense(2, 2, dtype="single precision"), rb.DtypeError, "is not known"),
    "unknown initialiser": (lambda: rb.Dense(2, 2, weight_init="xavier"), ValueError, "'xavier' is unknown, it is called 'glorot' here; use one of"),
    "initialiser of another shape": (
        lambda: rb.Dense(2, 2, weight_init=lambda rng, shape: np.ones(3)),
        ValueError,
        r"returned shape \(3,\) for a parameter of shape \(2, 2\)",
    ),
    "initialiser with NaN": (lambda: rb.Dense(2, 2, weight_init=lambda rng, shape: np.full(shape, np.nan)), ValueError, r"Dense: weight: the initializer returned nan at \[0, 0\]"),
    "unknown option of a cell": (lambda: rb.LSTM(2, 2, dropouts=0.1), TypeError, r"LSTM: unknown option 'dropouts' \(did you mean 'dropout'"),
    "option of other cells": (lambda: rb.GRU(2, 2, peepholes=True), TypeError, "GRU: unknown option 'peepholes'"),
    "unknown activation": (lambda: rb.RNN(2, 2, activation="gelu"), ValueError, "'tanh' or 'relu', found 'gelu'"),
    "unknown initial state": (lambda: rb.GRU(2, 2, initial="ones"), ValueError, "'zeros' or 'learned', found 'ones'"),
    "forget bias without bias": (lambda: rb.LSTM(2, 2, bias=False, forget_bias=1), ValueError, "needs biases"),
    "no state": (lambda: rb.Cell(rb.Input(2), {}, rb.Input(2)), ValueError, "next_state is empty"),
    "next state of another shape": (lambda: unequal_state(), rb.ShapeError, r"Cell: state 0 is \(3,\), its next value \(2,\)"),
    "a Recurrent in a cell": (lambda: recurrent_in_cell(), TypeError, "cannot stand inside a cell"),
    "a Recurrent of a layer": (lambda: rb.Recurrent(rb.Tanh()), TypeError, "Recurrent takes a Cell, found Tanh"),
    "two layers of one name": (lambda: rb.Sequential(rb.Dense(2, 2, name="a"), rb.Dense(2, 2, name="a")), ValueError, "two layers are called 'a'"),
    "legacy generator": (lambda: rb.Dense(2, 2, rng=np.random.RandomState(0)), TypeError, "legacy RandomState"),
    "a Recurrent on an array": (lambda: rb.LSTM(2, 2)(np.ones((1, 1, 2))), TypeError, r"LSTM\(2, 2\) is called on a symbolic value, found ndarray"),
    "a Graph on an array": (lambda: rb.Sequential(rb.Tanh())(np.ones((1, 2))), TypeError, r"symbolic values; for arrays"),
}  # fmt: skip


def two_the_same() -> rb.Graph:
    x = rb.Input(2)
    return rb.Graph([x, x], rb.Tanh()(x))


def computed_input() -> rb.Graph:
    x = rb.Input(2)
    y = rb.Tanh()(x)
    return rb.Graph(y, rb.Tanh()(y))


def unequal_state() -> rb.Cell:
    x, h = rb.Input(2), rb.State(3)
    return rb.Cell(x, {h: rb.Dense((2, 3), 2)(x, h)}, h)


def two_states(*names: str) -> rb.Cell:
    x, (a, b) = rb.Input(2), (rb.State(2, name) for name in names)
    return rb.Cell(x, {a: b + x, b: a + x}, output=a)


def follows_x() -> rb.Recurrent:
    x, h = rb.Input(), rb.State(3, "h")
    return rb.Recurrent(rb.Cell(x, {h: rb.Tanh()(x)}, output=h))


def symbol_cell() -> rb.Recurrent:
    x, h = rb.Input(()), rb.State(3)
    return rb.Recurrent(rb.Cell(x, {h: rb.Embedding(7, 3)(x) + h}, output=h))


def recurrent_in_cell() -> rb.Cell:
    x, h = rb.Input(2), rb.State(2)
    return rb.Cell(x, {h: rb.LSTM(2, 2)(x) + h}, h)


@pytest.mark.quick
@pytest.mark.parametrize("case", WRONG)
def test_errors_name_place_found_and_cure(case: str) -> None:
    make, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        make()


def test_a_next_state_that_fits_once_x_is_known() -> None:
    x = np.ones((2, 1, 3), np.float32)
    np.testing.assert_allclose(rb.predict(follows_x(), x)[1][0][0], np.tanh(x[-1]), rtol=1e-6)
