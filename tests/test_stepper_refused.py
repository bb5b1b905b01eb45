"""What a Stepper refuses: models that need later steps, and arguments that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import reals
from tests.stepped import two_outputs


def lstm(**options: Any) -> rb.Recurrent:
    return rb.LSTM(3, 4, rng=0, **options)


def of_final_state() -> rb.Graph:
    x = rb.Input(3, "x")
    y, (h, _) = lstm()(x, return_state=True)
    return rb.Graph(x, {"y": y, "h": h})


def of_two_axes() -> rb.Graph:
    a, b = rb.Input(3, "a", axis="first"), rb.Input(3, "b", axis="second")
    return rb.Graph((a, b), {"a": lstm()(a), "b": lstm()(b)})


MODELS: dict[str, tuple[Callable[[], Any], str]] = {
    "reverse": (lambda: lstm(reverse=True), "runs from the last step to the first"),
    "both": (lambda: rb.Bidirectional(lstm(), lstm()), "from the last step .* run predict"),
    "mean": (
        lambda: rb.Sequential(lstm(), rb.MeanOverTime()),
        r"MeanOverTime\(\) is a function of",
    ),
    "last": (lambda: rb.Sequential(lstm(), rb.Last(), rb.Dense(4, 2)), r"Last\(\) is a function"),
    "final state": (of_final_state, "final state .* is taken.*; leave return_state out, and read"),
    "two axes": (of_two_axes, "time axes 'first', 'second'"),
}


@pytest.mark.quick
@pytest.mark.parametrize("name", MODELS)
def test_models_that_need_later_steps_are_refused_with_the_reason(name: str) -> None:
    make, reason = MODELS[name]
    with pytest.raises(
        ValueError, match=f"Stepper: .* cannot run one step at a time, as .*{reason}"
    ):
        rb.Stepper(make())


X = reals(2, 3, dtype="float32")
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "one row": (
        X[:1],
        rb.ShapeError,
        r"\(B, \.\.\.\) = \(2, 3\), found \(1, 3\); for 1 .* batch=1",
    ),
    "no batch": (X[0], rb.ShapeError, r"found \(3,\)"),
    "axis of steps": (X[None], rb.ShapeError, r"give x\[0\], or use steps\(x\)"),
    "features": (X[:, :2], rb.ShapeError, r"found \(2, 2\); reshape it"),
    "integers": (X.astype(int), rb.DtypeError, r"a step takes floats; use x.astype\('float32'\)"),
    "NaN": (
        np.where(X[1, 2] == X, np.nan, X).astype("float32"),
        ValueError,
        r"x is nan at \[1, 2\]",
    ),
    "infinite": (np.full((2, 3), np.inf, "float32"), ValueError, r"x is inf at \[0, 0\]"),
    "too large": (np.full((2, 3), 1e300), ValueError, r"1e\+300 at \[0, 0\], beyond float32"),
    "a name": ({"y": X}, ValueError, r"x has 'y', and takes"),
    "two": ((X, X), rb.ShapeError, "found 2; give one for each"),
    "nothing": (None, rb.DtypeError, "None is no array of numbers"),
}


@pytest.mark.one_in(2)
@pytest.mark.parametrize("name", WRONG)
def test_steps_that_do_not_fit_are_refused_and_change_nothing(name: str) -> None:
    x, kind, message = WRONG[name]
    stepper = rb.Stepper(lstm(), 2)
    stepper.step(X)
    before = stepper.state
    with pytest.raises(kind, match=message):
        stepper.step(x)
    np.testing.assert_array_equal(stepper.state, before)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("symbol", [-1, 5, 2**62])
def test_symbols_out_of_range_are_refused(symbol: int, backend: str | None) -> None:
    model = rb.Sequential(rb.OneHot(5), rb.GRU(5, 7))
    stepper = rb.Stepper(model, backend=backend)
    with pytest.raises(IndexError, match=rf"input must lie in \[0, 5\), found {symbol} at \[0\]"):
        stepper.step(np.array([symbol]))
    with pytest.raises(rb.DtypeError, match="takes integers"):
        stepper.step(np.array([1.0]))


def test_what_lies_otherwise_is_read_all_the_same() -> None:
    """Lists, float64, arrays that are strided, of the other byte order, or read-only."""
    wide = np.zeros((2, 6), "float32")
    wide[:, ::2] = X
    fixed = X.copy()
    fixed.setflags(write=False)
    found = [rb.Stepper(lstm(), 2).step(x).copy() for x in (X, X.tolist(), wide[:, ::2], fixed)]
    found.append(rb.Stepper(lstm(), 2).step(X.astype(">f4").astype("float64")).copy())
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


ROWS: dict[str, tuple[Any, type[Exception], str]] = {
    "beyond": ([2], IndexError, r"rows must lie in \[0, 2\), found 2 to 2"),
    "negative": (-1, IndexError, "count sequences from 0"),
    "mask": ([True], rb.ShapeError, r"expected \(B,\) = \(2,\)"),
    "floats": ([0.5], TypeError, "rows are numbers of sequences, or a mask"),
}


@pytest.mark.parametrize("name", ROWS)
def test_rows_that_are_none_are_refused(name: str) -> None:
    rows, kind, message = ROWS[name]
    with pytest.raises(kind, match=f"reset: {message}|{message}"):
        rb.Stepper(lstm(), 2).reset(rows)


def test_states_of_another_shape_are_refused() -> None:
    stepper = rb.Stepper(lstm(), 2)
    with pytest.raises(rb.ShapeError, match=r"state 0, c: expected shape \(B, \.\.\.\) = \(2, 4\)"):
        stepper.state = np.zeros((2, 4)), np.zeros((2, 5))
    with pytest.raises(rb.ShapeError, match="state 0 has 1 arrays; its cell has 2 states"):
        stepper.state = np.zeros((2, 4))
    with pytest.raises(ValueError, match="states must be finite"):
        stepper.state = np.full((2, 4), np.nan), np.zeros((2, 4))


def test_static_inputs_are_asked_for_by_name() -> None:
    model = two_outputs()
    with pytest.raises(TypeError, match=r"has static inputs, static; give Stepper\(model, static="):
        rb.Stepper(model)
    with pytest.raises(rb.ShapeError, match=r"static .* expected \(B, ...\) = \(1, 4\)"):
        rb.Stepper(model, static=np.zeros((1, 3), "float32"))
    stepper = rb.Stepper(model, static=np.zeros((1, 4), "float32"))
    with pytest.raises(
        ValueError, match=r"static inputs go to Stepper\(..., static=\) or begin\(\)"
    ):
        stepper.step({"x": X[:1], "s": np.zeros((1, 4), "float32")})
    with pytest.raises(TypeError, match="has no static inputs; leave it out"):
        rb.Stepper(lstm(), static=X)


def test_blocks_without_steps_and_arguments_of_other_kinds_are_refused() -> None:
    with pytest.raises(rb.ShapeError, match="it has no steps in its first axis"):
        rb.Stepper(lstm(), 2).steps(X[None][:0])
    with pytest.raises(ValueError, match="batch must be at least 1"):
        rb.Stepper(lstm(), 0)
    with pytest.raises(ValueError, match=r"backend 'llv' is unknown \(did you mean 'llvm'"):
        rb.Stepper(lstm(), backend="llv")
    with pytest.raises(TypeError, match="unknown option 'hidden'; it takes model, batch"):
        rb.Stepper(lstm(), hidden=3)  # type: ignore[call-arg]
