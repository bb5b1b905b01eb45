"""Streams that do not fit, break off or are damaged: each an error that says where."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.inputs import streams as module
from rnnbp.storage import scratch
from tests.streamed import CASES, MSE, pieces
from tests.streamed import folder as folder  # a fixture


@pytest.mark.parametrize(
    "how", [lambda x: x, lambda x: pieces(x, 5), lambda x: iter([x[:8].data, x[8:]]), list]
)
def test_masked_arrays_are_refused(how: Any) -> None:
    model, x, target, loss = CASES["floats"]
    for k, name in enumerate(("x", "target")):
        given = [x, target]
        given[k] = how(np.ma.masked_less(given[k], -1))
        with pytest.raises(
            TypeError,
            match=f"{name} is a masked array, whose mask would be lost; give its data, and",
        ):
            rb.bptt(model, *given, loss, chunk=4)


def changed(array: np.ndarray, at: int, value: Any) -> np.ndarray:
    found = array.copy()
    found[at] = value
    return found


X, Y = CASES["floats"][1], CASES["floats"][2]
BAD: dict[str, tuple[Any, Any, dict[str, Any], type[Exception], str]] = {
    "x ends before steps": (
        pieces(X, 5),
        Y,
        {"steps": 30},
        rb.ShapeError,
        "target axis 0 must have size 30",
    ),
    "both end before steps": (
        pieces(X, 5),
        pieces(Y, 5),
        {"steps": 30},
        rb.ShapeError,
        "target: the stream is to go to steps=30 but ends after 23",
    ),
    "x goes on after steps": (
        pieces(X, 5),
        Y[:20],
        {"steps": 20},
        rb.ShapeError,
        "x: the stream is to go to steps=20 but goes on after that",
    ),
    "target stream ends in a chunk": (
        X,
        pieces(Y[:22], 5),
        {},
        rb.ShapeError,
        "target: the stream is to go to steps=23 but ends after 22",
    ),
    "target stream goes on": (
        pieces(X[:-1], 5),
        pieces(Y, 5),
        {},
        rb.ShapeError,
        "target goes on after x has ended, at 22 steps",
    ),
    "target stream ends": (
        pieces(X, 5),
        pieces(Y[:9], 5),
        {},
        rb.ShapeError,
        "target: the stream is to go to step 12 but ends after 9",
    ),
    "target array ends": (
        pieces(X, 5),
        Y[:9],
        {},
        rb.ShapeError,
        "must be as long as x, found one of 9 steps",
    ),
    "target array goes on": (
        pieces(X[:9], 5),
        Y,
        {},
        rb.ShapeError,
        "target goes on after x has ended, at 9 steps",
    ),
    "another shape": (
        iter([X[:5], X[5:9, :2]]),
        None,
        {},
        rb.ShapeError,
        r"x: the piece from step 5 has shape \(4, 2, 4\), expected \(steps, 3, 4\)",
    ),
    "another dtype": (
        iter([X[:5], X[5:9].astype(np.float64)]),
        None,
        {},
        rb.DtypeError,
        "x: the piece from step 5 has dtype float64, those before it float32",
    ),
    "no piece": (
        iter(()),
        None,
        {},
        rb.ShapeError,
        "x is a stream that ends before its first piece",
    ),
    "numbers": (
        iter([1.0, 2.0]),
        None,
        {},
        rb.ShapeError,
        r"x needs axes \(T, B, ...\), found 1.0; give an array, or a stream",
    ),
    "no batch": (
        iter([np.ones(3)]),
        None,
        {},
        rb.ShapeError,
        r"x needs axes \(T, B, ...\), found shape",
    ),
    "not finite": (
        pieces(changed(X, 13, np.nan), 5),
        None,
        {},
        ValueError,
        r"x is nan at \[13, 0, 0\]",
    ),
    "beyond float32": (
        pieces(changed(X.astype(np.float64), 7, 1e99), 5),
        None,
        {},
        ValueError,
        r"x is 1e\+99 at \[7, 0, 0\], beyond float32",
    ),
    "wrong target": (
        pieces(X, 5),
        pieces(Y[..., :2], 5),
        {},
        rb.ShapeError,
        "MeanSquaredError.*: target axis 2",
    ),
    "sqrt without steps": (
        pieces(X, 5),
        None,
        {"checkpoint": "sqrt"},
        ValueError,
        "checkpoint 'sqrt' needs to know the number of chunks, and x is a stream; give steps=",
    ),
    "a schedule without steps": (
        pieces(X, 5),
        None,
        {"checkpoint": rb.schedules.Sqrt(3)},
        ValueError,
        "needs to know the number of chunks",
    ),
    "dx": (pieces(X, 5), None, {"dx": True}, ValueError, "dx=True, but x is a stream"),
    "steps of an array": (
        X,
        None,
        {"steps": 20},
        rb.ShapeError,
        "x has 23 steps, found steps=20; leave steps out",
    ),
    "steps 0": (pieces(X, 5), None, {"steps": 0}, ValueError, "steps must be at least 1"),
    "no folder": (
        pieces(X, 5),
        None,
        {"folder": "/nowhere"},
        rb.StorageError,
        "x: the stream cannot be written to /nowhere: No such file or directory; choose another "
        "folder",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_streams(case: str) -> None:
    x, target, options, error, message = BAD[case]
    model = rb.LSTM(4, 5, rng=0)
    before = {path: p.copy() for path, p in model.params.items()}
    loss: Any = MSE if target is not None else lambda y, _: (0.0, np.zeros_like(y))
    with pytest.raises(error, match=message):
        rb.bptt(model, x, target, loss, **({"chunk": 4} | options))
    for path, p in model.params.items():
        np.testing.assert_array_equal(p, before[path])


def test_an_error_in_the_iterator_is_passed_on() -> None:
    def broken() -> Iterator[np.ndarray]:
        yield X[:9]
        raise RuntimeError("the cable is out")

    with pytest.raises(RuntimeError, match="the cable is out"):
        rb.bptt(rb.LSTM(4, 5, rng=0), broken(), None, lambda y, _: (0.0, np.zeros_like(y)), chunk=4)


def test_predict_wants_arrays() -> None:
    with pytest.raises(
        TypeError, match="predict returns the outputs of all steps, and x is a stream"
    ):
        rb.predict(rb.LSTM(4, 5, rng=0), pieces(X, 5))


def damage(monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Make a stream overwrite the beginning of its file before it reads for the ``at``-th time."""
    read, count = module.Stream._read, itertools.count(1)

    def damaging(self: Any, span: slice) -> np.ndarray:
        if next(count) == at:
            self._file.write(0, memoryview(b"\x01\x02\x03"))
        return read(self, span)

    monkeypatch.setattr(module.Stream, "_read", damaging)


def test_a_damaged_stream_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    damage(monkeypatch, 8)
    with pytest.raises(
        rb.StorageError, match="x, steps 0 to 4: the file of the stream was damaged"
    ):
        rb.bptt(
            rb.LSTM(4, 5, rng=0),
            pieces(X, 5),
            None,
            lambda y, _: (0.0, np.zeros_like(y)),
            chunk=4,
            checkpoint=rb.schedules.Online(2),
        )


def test_a_full_disk_is_one_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def __init__(self, _: Any) -> None: ...

        def seek(self, *_: Any) -> None: ...

        def close(self) -> None: ...

        def write(self, _: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(scratch, "nameless", Full)
    with pytest.raises(
        rb.StorageError,
        match=r"x: the stream cannot be written to .*: No space left on device; choose",
    ):
        rb.bptt(
            rb.LSTM(4, 5, rng=0), pieces(X, 5), None, lambda y, _: (0.0, np.zeros_like(y)), chunk=4
        )
