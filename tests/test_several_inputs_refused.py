"""Models of several inputs: what is refused names the input, the axes and the cure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.several_inputs import data, gated_cell, named, symbols

T, B, N = 5, 3, 4
MSE = rb.losses.MeanSquaredError()
GIVEN = data("alone", T, B, N)
X, S = named("alone", GIVEN.inputs)


def bptt(x: Any, model: Any = None, **options: Any) -> Any:
    return rb.bptt(gated_cell(N) if model is None else model, x, GIVEN.target, MSE, **options)


def nameless() -> rb.Graph:
    a, b = rb.Input(N), rb.Input(N)
    return rb.Graph((a, b), rb.Dense(N, N, dtype="float64")(a) + b)


def static_output() -> rb.Graph:
    x, s = rb.Input(N), rb.Input(N, per="sequence")
    return rb.Graph((x, s), rb.Dense(N, N, dtype="float64")(s))


def with_value(array: np.ndarray, at: tuple[int, ...], value: float) -> np.ndarray:
    found = array.copy()
    found[at] = value
    return found


def of_symbols(**changed: Any) -> Any:
    given = data("symbols", T, B, N).inputs | changed
    return rb.bptt(symbols(N), given, GIVEN.target, MSE)


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "one array": (lambda: bptt(X), TypeError, r"has 2 inputs, x \(T, B, ...\), s \(B, ...\); x must be a tuple with one for each, in that order, or a dict by name, found"),
    "too few": (lambda: bptt((X,)), rb.ShapeError, r"has 2 inputs, x \(T, B, ...\), s \(B, ...\), found 1 in x; give one for each"),
    "too many": (lambda: bptt((X, S, S)), rb.ShapeError, "found 3 in x; give one for each"),
    "missing": (lambda: bptt({"x": X}), ValueError, r"x has no 's'; .* takes x \(T, B, ...\), s \(B, ...\): give one for each"),
    "unknown": (lambda: bptt({"x": X, "S": S}), ValueError, r"x has 'S', which is no input of .* \(did you mean 's'\?"),
    "names that are not there": (lambda: bptt({"a": X, "b": X}, nameless()), ValueError, r"x is a dict, and input 0 of .* has no name; give a tuple in order, or a name to each, as Input\(3, 'rain'\)"),
    "a static series": (lambda: bptt((X, np.stack([S] * T))), rb.ShapeError, r"x\[1\] is static \(per='sequence'\): expected \(B, ...\) = \(3, 4\), found shape \(5, 3, 4\), which is \(T, B, ...\); give the value of one step, as s\[0\], or make its Input per='step'"),
    "a static stream": (lambda: bptt((X, iter([S]))), TypeError, r"x\[1\] is static .* found a stream; give the array \(B, ...\)"),
    "a series without time": (lambda: bptt({"x": S, "s": S}), rb.ShapeError, r"x\['x'\] is a series: expected \(T, B, 4\), found shape \(3, 4\), an axis too few; give a value at each step, or make its Input per='sequence'"),
    "other sequences": (lambda: bptt((X, S[:2])), rb.ShapeError, r"x\[1\] is static .* expected \(B, ...\) = \(3, 4\), found shape \(2, 4\), of 2 sequences, and the series have B = 3"),
    "other batches": (lambda: bptt((X, X[:, :2]), nameless()), rb.ShapeError, r"x\[0\] has B = 3 sequences, and x\[1\] 2: axis 1 of all inputs is the batch"),
    "other steps": (lambda: bptt((X, X[:4]), nameless()), rb.ShapeError, r"x\[0\] has T = 5 steps, and x\[1\] 4: axis 0 of all inputs is time"),
    "a stream that goes on": (lambda: rb.bptt(nameless(), (iter([X]), iter([X, X])), iter([GIVEN.target]), MSE, checkpoint="all", chunk=2), rb.ShapeError, r"x\[1\] goes on after x\[0\] has ended, at 5 steps; end them alike"),
    "a stream that ends": (lambda: rb.bptt(nameless(), (iter([X]), iter([X[:3]])), iter([GIVEN.target]), MSE, chunk=2), rb.ShapeError, r"x\[1\]: the stream is to go to step 4 but ends after 3"),
    "other features": (lambda: bptt((X, S[:, :3])), rb.ShapeError, r"x\[1\] is static .* expected \(B, ...\) = \(3, 4\), found shape \(3, 3\)"),
    "other features of a series": (lambda: bptt((X[..., :3], S)), rb.ShapeError, r"input (0|x) axis -1 must have size 4, found 3"),
    "NaN of a sequence": (lambda: bptt((X, with_value(S, (1, 2), np.nan)), mask=np.ones((T, B))), ValueError, r"x\[1\] is nan at \[1, 2\]; static inputs must be finite in all sequences"),
    "NaN of a series": (lambda: bptt({"x": with_value(X, (1, 2, 0), np.nan), "s": S}), ValueError, r"x\['x'\] is nan at \[1, 2, 0\]"),
    "floats for symbols": (lambda: of_symbols(s=np.zeros(B)), rb.DtypeError, r"x\['s'\] has dtype float64, but Embedding\(6, 4\) takes integers"),
    "integers for floats": (lambda: bptt((X, np.ones((B, N), int))), rb.DtypeError, r"x\[1\] has dtype int64, but the model takes floats; use astype\('float64'\)"),
    "a symbol out of range": (lambda: of_symbols(s=np.array([0, 6, 1])), IndexError, "6"),
    "dx of a stream": (lambda: rb.bptt(nameless(), (X, iter([X])), GIVEN.target, MSE, dx=True), ValueError, "dx=True, but x is a stream, whose gradient is not kept"),
    "an output without time": (lambda: bptt((X, S), static_output()), ValueError, r"its output depends on no input with a value at each step; make one an Input\(...\) per step"),
    "no series": (lambda: rb.predict(rb.Graph(s := rb.Input(N, per="sequence"), rb.Tanh()(s)), S), ValueError, "no input has a value at each step"),
    "shapes in the plural": (lambda: rb.forecast(gated_cell(N), MSE, steps=T, batch=B, x_shape=(4,)), rb.ShapeError, "found 1 in forecast: x_shape; give one for each"),
    "another shape": (lambda: rb.forecast(gated_cell(N), MSE, steps=T, batch=B, x_shape=((4,), (3,))), rb.ShapeError, r"forecast of this model it is \(4,\), found \(3,\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_names_the_input_and_the_cure(
    case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()
