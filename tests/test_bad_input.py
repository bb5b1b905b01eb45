"""What ``bptt`` refuses, and that nothing has changed by then."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

CE, MSE = rb.losses.CrossEntropy(), rb.losses.MeanSquaredError()
T, B = 5, 2


def lstm() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))


def symbols() -> rb.Sequential:
    return rb.Sequential(rb.Embedding(7, 3, rng=0), rb.LSTM(3, 4, rng=0), rb.Dense(4, 7, rng=1))


def x(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.ones(shape or (T, B, 3), dtype)


def with_value(array: np.ndarray, at: tuple[int, ...], value: float) -> np.ndarray:
    array = array.copy()
    array[at] = value
    return array


def h(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return np.zeros(shape or (B, 4), dtype)


Y = np.zeros((T, B, 2))
IDS = np.zeros((T, B), int)

CASES: dict[str, tuple[Any, type[Exception], str]] = {
    "float16": (lambda: rb.bptt(lstm(), x(dtype=np.float16), Y, MSE), rb.DtypeError, r"x has dtype float16; use x.astype\('float32'\)"),
    "complex": (lambda: rb.bptt(lstm(), x(dtype=complex), Y, MSE), rb.DtypeError, "x has dtype complex128"),
    "object": (lambda: rb.bptt(lstm(), x(dtype=object), Y, MSE), rb.DtypeError, "x has dtype object"),
    "bool": (lambda: rb.bptt(lstm(), x(dtype=bool), Y, MSE), rb.DtypeError, "x has dtype bool"),
    "text": (lambda: rb.bptt(lstm(), np.full((T, B, 3), "a"), Y, MSE), rb.DtypeError, "x has dtype <U1"),
    "ragged": (lambda: rb.bptt(lstm(), [[[1.0], [1.0, 2.0]]], Y, MSE), ValueError, "inhomogeneous"),
    "integers for floats": (lambda: rb.bptt(lstm(), x(dtype=int), Y, MSE), rb.DtypeError, "the model takes floats; use"),
    "floats for symbols": (lambda: rb.bptt(symbols(), x(T, B), IDS, CE), rb.DtypeError, r"Embedding\(.*\) takes integers; use x.astype\(int\)"),
    "no batch axis": (lambda: rb.bptt(lstm(), x(T), Y, MSE), rb.ShapeError, r"x needs axes \(T, B, \.\.\.\), found shape \(5,\)"),
    "no feature axis": (lambda: rb.bptt(lstm(), x(T, B), Y, MSE), rb.ShapeError, r"x has shape \(5, 2\), and LSTM\(3, 4\) takes \(T, B, 3\): an axis is missing"),
    "T = 0": (lambda: rb.bptt(lstm(), x(0, B, 3), Y[:0], MSE), rb.ShapeError, r"x axis 0 \(T, the steps\) has size 0 in shape \(0, 2, 3\)"),
    "B = 0": (lambda: rb.bptt(lstm(), x(T, 0, 3), Y[:, :0], MSE), rb.ShapeError, r"x axis 1 \(B, the batch\) has size 0"),
    "features": (lambda: rb.bptt(lstm(), x(T, B, 4), Y, MSE), rb.ShapeError, r"LSTM\(3, 4\): input axis -1 must have size 3, found 4 .*; give it shape \(\.\.\., 3\)"),
    "NaN": (lambda: rb.bptt(lstm(), with_value(x(), (3, 1, 2), np.nan), Y, MSE), ValueError, r"x is nan at \[3, 1, 2\]; inputs must be finite"),
    "infinity": (lambda: rb.bptt(lstm(), with_value(x(), (0, 0, 0), -np.inf), Y, MSE), ValueError, r"x is -inf at \[0, 0, 0\]"),
    "symbol outside the vocabulary": (lambda: rb.bptt(symbols(), with_value(IDS, (2, 1), 7), IDS, CE), IndexError, r"Embedding.*\[0, 7\), found 7 at \[2, 1\].*build the layer for 8"),
    "negative symbol": (lambda: rb.bptt(symbols(), with_value(IDS, (2, 1), -1), IDS, CE), IndexError, r"found -1 at \[2, 1\].*count symbols from 0"),
    "target outside the vocabulary": (lambda: rb.bptt(symbols(), IDS, with_value(IDS, (4, 0), 9), CE), ValueError, r"target 9 at \[4, 0\] is not in \[0, 7\)"),
    "float target": (lambda: rb.bptt(symbols(), IDS, x(T, B), CE), rb.DtypeError, "target must be class numbers"),
    "NaN target": (lambda: rb.bptt(lstm(), x(), with_value(Y, (1, 1, 1), np.nan), MSE), ValueError, r"target has nan at \[1, 1, 1\]"),
    "short target": (lambda: rb.bptt(lstm(), x(), Y[:4], MSE), rb.ShapeError, r"target axis 0 must have size 5.*found shape \(4, 2, 2\)"),
    "narrow target": (lambda: rb.bptt(lstm(), x(), Y[:, :1], MSE), rb.ShapeError, r"target axis 1 must have size 2"),
    "target features": (lambda: rb.bptt(lstm(), x(), Y[..., :1], MSE), rb.ShapeError, r"target axis 2 must have size 2 as in the outputs"),
    "no target": (lambda: rb.bptt(lstm(), x(), None, MSE), TypeError, "compares with a target, found None"),
    "mask shape": (lambda: rb.bptt(lstm(), x(), Y, MSE, mask=np.ones(T, bool)), rb.ShapeError, r"mask must have shape \(T, B\) = \(5, 2\), found \(5,\)"),
    "tiny weights": (lambda: rb.bptt(lstm(), x(), Y, MSE, mask=np.full((T, B), 1e-43)), ValueError, "too little for float32; scale them up"),
    "empty mask": (lambda: rb.bptt(lstm(), x(), Y, MSE, mask=np.zeros((T, B), bool)), ValueError, "no element is left"),
    "negative mask": (lambda: rb.bptt(lstm(), x(), Y, MSE, mask=-np.ones((T, B))), ValueError, r"found -1.0 at \[0, 0"),
    "mask for an own loss": (lambda: rb.bptt(lstm(), x(), Y, lambda y, t: (0.0, y), mask=np.full((T, B), 0.5)), TypeError, "use rnnbp.losses.PerStep"),
    "loss class": (lambda: rb.bptt(lstm(), x(), Y, rb.losses.Huber), TypeError, "build it first"),
    "loss name": (lambda: rb.bptt(lstm(), x(), Y, "mse"), TypeError, "loss must be a Loss or a function"),
    "own dy of another shape": (lambda: rb.bptt(lstm(), x(), Y, lambda y, t: (0.0, y[0])), rb.ShapeError, r"returned dy of shape \(2, 2\) for y of shape \(5, 2, 2\)"),
    "own dy with NaN": (lambda: rb.bptt(lstm(), x(), Y, lambda y, t: (0.0, y * np.nan)), ValueError, r"returned dy = nan at \[0, 0, 0\]"),
    "own dy complex": (lambda: rb.bptt(lstm(), x(), Y, lambda y, t: (0.0, y * 1j)), rb.DtypeError, "returned dy of dtype complex64"),
    "own value an array": (lambda: rb.bptt(lstm(), x(), Y, lambda y, t: (y, y)), rb.ShapeError, "sum it to one number"),
    "state batch": (lambda: rb.bptt(lstm(), x(), Y, MSE, state=[(h(), h(3, 4))]), rb.ShapeError, r"state 0, c: expected shape \(B, \.\.\.\) = \(2, 4\), found \(3, 4\)"),
    "state count": (lambda: rb.bptt(lstm(), x(), Y, MSE, state=[(h(),)]), rb.ShapeError, "state 0 has 1 arrays; its cell has 2 states: h, c"),
    "states of two": (lambda: rb.bptt(lstm(), x(), Y, MSE, state=[(h(), h()), (h(), h())]), rb.ShapeError, "state has 2 entries for 1 Recurrents"),
    "state NaN": (lambda: rb.bptt(lstm(), x(), Y, MSE, state=[(h(), with_value(h(), (1, 3), np.nan))]), ValueError, r"state 0, c: the value at \[1, 3\] is nan"),
    "state dtype": (lambda: rb.bptt(lstm(), x(), Y, MSE, state=[(h(), h(dtype=np.float16))]), rb.DtypeError, "state 0, c: expected an array of float32, found float16"),
    "state type": (lambda: rb.bptt(lstm(), x(), Y, MSE, state="zeros"), TypeError, "state is a tuple with one entry per Recurrent, found str"),
    "chunk 0": (lambda: rb.bptt(lstm(), x(), Y, MSE, chunk=0), ValueError, "chunk must be at least 1, found 0"),
    "chunk 2.5": (lambda: rb.bptt(lstm(), x(), Y, MSE, chunk=2.5), TypeError, "chunk must be an integer, found 2.5"),
    "horizon": (lambda: rb.bptt(lstm(), x(), Y, MSE, chunk=2, horizon=3), ValueError, "horizon 3 is not a multiple of chunk 2"),
    "horizon 0": (lambda: rb.bptt(lstm(), x(), Y, MSE, horizon=0), ValueError, "horizon must be at least 1, found 0"),
    "seed": (lambda: rb.bptt(lstm(), x(), Y, MSE, seed=-1), ValueError, r"seed must lie in \[0, 2\*\*64\), found -1"),
    "seed type": (lambda: rb.bptt(lstm(), x(), Y, MSE, seed="a"), TypeError, "seed must be an integer, found 'a'"),
    "checkpoint": (lambda: rb.bptt(lstm(), x(), Y, MSE, checkpoint="none"), ValueError, "checkpoint 'none' is unknown"),
    "backend": (lambda: rb.bptt(lstm(), x(), Y, MSE, backend="cuda"), ValueError, "backend 'cuda' is unknown; use one of 'numpy', 'llvm', 'interpreter', or None"),
    "option": (lambda: rb.bptt(lstm(), x(), Y, MSE, checkpoints="all"), TypeError, r"unknown option 'checkpoints' \(did you mean 'checkpoint'"),
    "cell as a model": (lambda: rb.bptt(rb.LSTM(3, 4).cell, x(), Y, MSE), TypeError, r"wrap the cell in Recurrent"),
    "function as a model": (lambda: rb.bptt(np.tanh, x(), Y, MSE), TypeError, "give a Sequential or a Graph"),
    "two inputs": (lambda: rb.bptt(two_inputs(), x(), Y, MSE), TypeError, r"has 2 inputs, 0 \(T, B, ...\), 1 \(T, B, ...\); x must be a tuple with one for each"),
    "two dtypes": (lambda: rb.bptt(rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2, dtype="float64")), x(), Y, MSE), rb.DtypeError, "1.bias is float64; build all layers with one"),
    "time in backprop": (lambda: rb.backprop(lstm(), x(), Y, MSE), rb.ShapeError, "backprop is for models without time"),
    "predict of NaN": (lambda: rb.predict(lstm(), with_value(x(), (0, 1, 0), np.nan)), ValueError, r"x is nan at \[0, 1, 0\]"),
    "evaluate of a wrong shape": (lambda: rb.evaluate(lstm(), x(T, B, 9), Y, MSE), rb.ShapeError, r"found 9 in shape \(5, 2, 9\)"),
}  # fmt: skip


def two_inputs() -> rb.Graph:
    a, b = rb.Input(3), rb.Input(3)
    return rb.Graph([a, b], a + b)


@pytest.mark.parametrize("case", CASES)
def test_one_clear_error(case: str) -> None:
    run, error, message = CASES[case]
    with pytest.raises(error, match=message) as caught:
        run()
    assert "\n" not in str(caught.value)


def test_no_message_is_used_twice() -> None:
    """Each sentence in the package is raised from one place."""
    raised = [
        ast.unparse(node.exc.args[0])
        for path in Path(rb.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args
    ]
    found = Counter(text for text in raised if "'" in text)
    assert [text for text, count in found.items() if count > 1] == []
    assert len(found) > 80
