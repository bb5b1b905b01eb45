"""Lists of sequences that do not fit together: one clear error each, which names the item."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.ragged import LENGTHS, MSE, TARGETS, N, X, labels, net, padded, table


def lists(**options: Any) -> rb.Sequences:
    return rb.Sequences(**({"x": X, "target": TARGETS, "batch_size": 4} | options))


def two_inputs() -> rb.Graph:
    a, b = rb.Input(3, "a"), rb.Input(3, "b")
    return rb.Graph((a, b), rb.GRU(3, 2, rng=0)(a + b))


def changed(items: list[Any], k: int, item: Any) -> list[Any]:
    return [*items[:k], item, *items[k + 1 :]]


BAD: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "other features": (
        lambda: lists(x=changed(X, 2, np.ones((9, 4)))),
        rb.ShapeError,
        r"^Sequences: x\[2\] has shape \(9, 4\), x\[0\] \(5, 3\); sequences differ in axis 0 alone",
    ),
    "features of targets": (
        lambda: lists(target=changed(TARGETS, 2, np.ones((9, 4)))),
        rb.ShapeError,
        r"^Sequences: target\[2\] has shape \(9, 4\), target\[0\] \(5, 2\)",
    ),
    "an empty list": (
        lambda: rb.Sequences([], [], batch_size=4),
        ValueError,
        "^Sequences: x is an empty list; give at least one sequence",
    ),
    "no steps": (
        lambda: lists(x=changed(X, 1, np.ones((0, 3)))),
        ValueError,
        r"^Sequences: x\[1\] has 0 steps; leave that sequence out of all arguments",
    ),
    "a target of another length": (
        lambda: lists(target=changed(TARGETS, 3, np.ones((4, 2)))),
        rb.ShapeError,
        r"^Sequences: target\[3\] has 4 steps, x\[3\] 3; end target\[3\] and x\[3\] alike",
    ),
    "fewer targets": (
        lambda: lists(target=TARGETS[:-1]),
        rb.ShapeError,
        r"^Sequences: target (must begin with the axes \(10, 9\)|has 9 sequences, x 10)",
    ),
    "fewer labels": (
        lambda: lists(target=labels()[:-1], last=True),
        rb.ShapeError,
        r"^Sequences: target must begin with the axes \(10,\) of x, found shape \(9,\)",
    ),
    "a mask of another length": (
        lambda: lists(mask=changed([np.ones(n) for n in LENGTHS], 0, np.ones(4))),
        rb.ShapeError,
        r"^Sequences: mask\[0\] has 4 steps, x\[0\] 5",
    ),
    "lengths of a list": (
        lambda: lists(lengths=LENGTHS),
        TypeError,
        "^Sequences: lengths are for a padded array, and x is a list.*; leave lengths out",
    ),
    "lengths beyond T": (
        lambda: lists(x=padded(X, 0.0), target=padded(TARGETS, 0.0), lengths=LENGTHS + 1),
        ValueError,
        r"^Sequences: lengths\[2\] is 10, which must lie in \[1, 9\], the steps of x",
    ),
    "inputs of other lengths": (
        lambda: rb.fit(
            two_inputs(),
            lists(x={"a": X, "b": changed(X, 4, X[0])}, shuffle=False, batch_size=10),
            MSE,
            epochs=1,
        ),
        rb.ShapeError,
        r"^x\['b'\] and x\['a'\] are series of one time axis, 'time', and end differently: row 4 after 5 and 9 steps",
    ),
    "texts": (
        lambda: lists(x=changed(X, 2, np.array(["a", "b"]))),
        rb.DtypeError,
        r"^Sequences: x\[2\] has dtype <U1, which are no real numbers; convert it",
    ),
    "texts in a table": (
        lambda: lists(x=changed([*map(table, X)], 2, table(np.array([["a", 1, 2]], object)))),
        rb.DtypeError,
        r"^Sequences: x\[2\] has dtype object, .*; choose the columns that are numbers",
    ),
    "other columns": (
        lambda: lists(x=changed([*map(table, X)], 2, table(X[2], "acb"))),
        rb.ShapeError,
        r"^Sequences: x\[2\] has the columns \['a', 'c', 'b'\], x\[0\] \['a', 'b', 'c'\]; give all",
    ),
    "other columns of one length": (
        lambda: rb.Sequences([table(X[2]), table(X[4], "xyz")], None, batch_size=2),
        rb.ShapeError,
        r"^Sequences: x\[1\] has the columns \['x', 'y', 'z'\]",
    ),
    "a list of targets of an array": (
        lambda: lists(x=padded(X, 0.0)),
        rb.ShapeError,
        r"^Sequences: target has parts of inhomogeneous shape; its items have 1 to 9 steps",
    ),
    "weights of steps where targets are of sequences": (
        lambda: lists(target=labels(), mask=np.ones((N, 9))),
        rb.ShapeError,
        r"^Sequences: mask must have shape \(N,\), .* found shape \(10, 9\); for padding give leng",
    ),
    "a label for each and an output at each step": (
        lambda: rb.fit(net(), lists(target=labels()), MSE, epochs=1),
        rb.ShapeError,
        r"^Sequences: target has shape \(10,\), one for each sequence, and the model .*last=True",
    ),
    "nothing but padding": (
        lambda: lists(target=labels(), last=True, mask=[np.zeros(n) for n in LENGTHS]),
        ValueError,
        "^Sequences: sequence 0 has no last step, its mask is all 0",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_one_clear_error(case: str) -> None:
    call, error, message = BAD[case]
    with pytest.raises(error, match=message):
        call()


def test_a_value_that_cannot_be_used_is_traced_to_its_item() -> None:
    wrong = X[2].copy()
    wrong[6, 1] = np.nan
    for x, place in (
        (changed(X, 2, wrong), "see x[2][6]"),
        (padded(changed(X, 2, wrong), np.nan), "see x[2, 6]"),
    ):
        target = padded(TARGETS, 0.0) if isinstance(x, np.ndarray) else TARGETS
        lengths = LENGTHS if isinstance(x, np.ndarray) else None
        data = rb.Sequences(x, target, lengths=lengths, batch_size=4)
        with pytest.raises(ValueError, match="x is nan") as caught:
            rb.fit(net(), data, MSE, epochs=1)
        assert any(note.endswith(place) for note in caught.value.__notes__)
