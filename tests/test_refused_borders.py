"""Cells whose kernels LLVM refuses, or whose code cannot be loaded, after others compiled."""

from __future__ import annotations

import copy
import pickle
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

pytest.importorskip("llvmlite")
from rnnbp.machine import CompileError, availability, compile
from rnnbp.runners.llvm.libraries import shared

LOSS = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(40, 3, 2)).astype(np.float32)
Y = np.zeros((40, 3, 5), np.float32)
WORDS = "error:  no such instruction\n  %v1 = fmagic"


def lstm() -> rb.Recurrent:
    return rb.LSTM(2, 5, rng=0)


def two() -> rb.Sequential:
    return rb.Sequential(rb.GRU(2, 5, rng=0), rb.RNN(5, 5, rng=1))


def own() -> rb.Recurrent:
    x, h = rb.Input(2), rb.State(5, "h")
    new = rb.Tanh()(rb.Dense((2, 5), 5, rng=0)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new))


@pytest.fixture(autouse=True)
def default(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No backend is named, no kernel is on disk; what is refused is so in this test alone."""
    monkeypatch.delenv("RNNBP_BACKEND", raising=False)
    monkeypatch.setenv("RNNBP_KERNEL_CACHE", "off")
    monkeypatch.setattr(availability, "_refused", [])
    monkeypatch.setattr(availability, "_warned", [])
    rb.bptt(lstm(), X, Y, LOSS)  # libraries that all cells take are there
    yield
    rb.release_memory()


def refuse(
    which: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch, step: str = "_compiled"
) -> None:
    """Have LLVM refuse some texts, when it compiles them or when their code is loaded."""
    original = getattr(compile, step)

    def refusing(*args: Any) -> Any:
        text = next(a for a in args if isinstance(a, str))
        if which(text):
            raise (
                compile._refusal("compile", RuntimeError(WORDS))
                if step == "_compiled"
                else RuntimeError(WORDS)
            )
        return original(*args)

    monkeypatch.setattr(compile, step, refusing)


def cells(text: str) -> bool:
    return "@run(" in text


def backward_alone(text: str) -> bool:
    return "@run(" in text and "array.C0" in text


def equal(found: Any, expected: Any) -> None:
    assert (found.loss, found.stats.peak_bytes) == (expected.loss, expected.stats.peak_bytes)
    for path, g in expected.grads.items():
        np.testing.assert_array_equal(found.grads[path], g)


@pytest.mark.long
@pytest.mark.parametrize("checkpoint", ["all", "sqrt", rb.schedules.ThinTapes(5, 2)], ids=str)
@pytest.mark.parametrize(
    ("which", "step"), [(cells, "_compiled"), (cells, "_loaded"), (backward_alone, "_compiled")]
)
@pytest.mark.parametrize("build", [lstm, two, own])
@pytest.mark.one_in(6)
def test_numpy_runs_them(
    build: Any, which: Any, step: str, checkpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse(which, monkeypatch, step)
    model = build()
    with pytest.warns(RuntimeWarning, match="NumPy runs models of this cell") as said:
        found = rb.bptt(model, X, Y, LOSS, chunk=8, checkpoint=checkpoint)
    (text,) = [str(warning.message) for warning in said]
    assert re.match(
        r"(LSTM|GRU|RNN|Cell)\(.*\): NumPy runs models of this cell, which is slower, as LLVM ",
        text,
    )
    assert "error: no such instruction %v1 = fmagic; RNNBP_BACKEND=numpy" in text
    equal(found, rb.bptt(build(), X, Y, LOSS, chunk=8, checkpoint=checkpoint, backend="numpy"))
    equal(
        rb.bptt(model, X, Y, LOSS, chunk=8, checkpoint=checkpoint), found
    )  # without another warning
    np.testing.assert_array_equal(rb.predict(model, X)[0], rb.predict(model, X)[0])
    plan = rb.plan(model, LOSS, steps=40, batch=3, budget="1 MB")
    assert rb.bptt(model, X, Y, LOSS, checkpoint=plan).stats.peak_bytes <= 10**6


@pytest.mark.parametrize("asks", ["argument", "object", "environment"])
def test_llvm_by_name_is_an_error(asks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(cells, monkeypatch)
    ways = {
        "argument": "llvm",
        "object": rb.Backend("llvm", without=("joined",)),
        "environment": None,
    }
    environment = {"environment": "llvm"}.get(asks, "")
    monkeypatch.setenv("RNNBP_BACKEND", environment)
    model = own()
    for _ in range(2):
        with pytest.raises(
            CompileError, match=r"LLVM .* does not compile: error: no such instruction"
        ):
            rb.bptt(model, X, Y, LOSS, backend=ways[asks])
    assert issubclass(CompileError, RuntimeError)


def test_what_was_not_asked_for_by_name_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(cells, monkeypatch)
    backend = rb.Backend(without=("joined",))
    for given in (backend, copy.deepcopy(backend), pickle.loads(pickle.dumps(backend))):
        with pytest.warns(RuntimeWarning, match="NumPy runs models of this cell"):
            rb.bptt(own(), X, Y, LOSS, backend=given)
    assert (backend, hash(backend)) == (
        rb.Backend("llvm", ("joined",)),
        hash(rb.Backend("llvm", ("joined",))),
    )


@pytest.mark.parametrize(
    "run", [rb.predict, lambda m, x: rb.evaluate(m, x, Y, LOSS)], ids=["predict", "evaluate"]
)
def test_forward_alone(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "numpy")
    expected = run(own(), X)[0]
    monkeypatch.delenv("RNNBP_BACKEND")
    refuse(cells, monkeypatch)
    with pytest.warns(RuntimeWarning, match="NumPy runs models of this cell"):
        np.testing.assert_array_equal(run(own(), X)[0], expected)


def test_a_stream_is_not_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part of it was read when the refusal comes: an error says so, then NumPy runs."""
    refuse(cells, monkeypatch)
    model = own()
    with (
        pytest.warns(RuntimeWarning, match="NumPy runs models of this cell"),
        pytest.raises(CompileError) as caught,
    ):
        rb.bptt(model, iter(np.split(X, 5)), Y, LOSS, steps=40)
    assert "call again, with a new iterator" in caught.value.__notes__[0]
    equal(rb.bptt(model, X, Y, LOSS), rb.bptt(own(), X, Y, LOSS, backend="numpy"))


def test_what_all_cells_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """Products for a dtype that comes later: NumPy runs all from then on, with a warning."""
    shared.cache_clear()
    refuse(lambda text: "@product(" in text and "define" in text, monkeypatch)
    with pytest.warns(
        RuntimeWarning, match="NumPy runs the cells, .* as llvmlite does not work here"
    ) as said:
        rb.forecast(own(), LOSS, steps=40, batch=3)
    found = rb.bptt(own(), X, Y, LOSS)  # without another warning
    assert len(said) == 1
    assert rb.Backend().name == "numpy"
    equal(found, rb.bptt(own(), X, Y, LOSS, backend="numpy"))


@pytest.mark.long
def test_other_cells_are_machine_code_still(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = rb.bptt(lstm(), X, Y, LOSS)
    refuse(
        lambda text: cells(text) and "array.C1" not in text and "array.H1" not in text, monkeypatch
    )
    with pytest.warns(RuntimeWarning, match="NumPy runs models of this cell"):
        rb.bptt(own(), X, Y, LOSS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        equal(rb.bptt(lstm(), X, Y, LOSS), expected)
