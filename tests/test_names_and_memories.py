"""What a graph is built of: names that are there twice, and memories that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb

N = 4
X = rb.Input(3, "x")


def decoder(kind: str = "dot") -> rb.Recurrent:
    """A cell that looks up a memory of lines of N features."""
    inside, h = rb.Input(N, "inside"), rb.State(N, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    sizes = {"n_query": N, "n_memory": N} if kind == "additive" else {}
    context = rb.Attention(kind, **sizes, rng=0)(h, memory, mask)
    h_new = rb.Tanh()(rb.Dense((N, N, N), N, rng=1)(inside, h, context))
    return rb.Recurrent(rb.Cell((inside, memory, mask), {h: h_new}, output=h_new), name="writer")


def whole(size: int) -> Any:
    """Memory and mask of a series of ``size`` features."""
    return rb.WholeSeries()(rb.GRU(3, size, rng=2)(rb.Input(3, "s", axis="source")))


TOLD = rb.Input(N, "told", axis="target")
WRONG = r"writer.*: input memory, a memory, axis -1 must have size 4, as what looks it up in the cell has, found "
BUILT: dict[str, tuple[Any, type[Exception], str]] = {
    "two inputs": (lambda: rb.Graph((rb.Input(3, "a"), b := rb.Input(3, "a")), b), ValueError, r"inputs 0 and 1 are both called 'a'; give each a name of its own, as Input\(n, 'other'\)"),
    "two inputs of a cell": (lambda: rb.Cell((rb.Input(N, "a"), rb.Input(N, "a")), {(h := rb.State(N, "h")): h}, output=h), ValueError, "two inputs are called 'a'; give them different names"),
    "two states": (lambda: rb.Cell(rb.Input(N), {(h := rb.State(N, "h")): h, (g := rb.State(N, "h")): g}, output=h), ValueError, "states 0 and 1 are both called 'h'"),
    "two outputs": (lambda: rb.Graph(X, [("y", X), ("y", X)]), TypeError, "outputs by name are a dict, each name once"),
    "a memory of others": (lambda: decoder()(TOLD, *whole(5)), rb.ShapeError, WRONG + r"the states of a series of features \(5,\); build the cell for that many features, or put Dense\(5, 4\) before it"),
    "an additive one": (lambda: decoder("additive")(TOLD, *whole(5)), rb.ShapeError, WRONG),
    "exchanged": (lambda: decoder()(TOLD, *whole(4)[::-1]), rb.ShapeError, r"input memory is a memory \(S, 4\), found the mask \(S,\) of WholeSeries; give its two values in order"),
    "an input": (lambda: decoder()(TOLD, rb.Input((6, 5), "m", per="sequence"), rb.Input(6, "k", per="sequence")), rb.ShapeError, WRONG + r"\(S, n\) = \(6, 5\); build"),
    "a vector": (lambda: decoder()(TOLD, rb.Input(5, "m", per="sequence"), rb.Input(6, "k", per="sequence")), rb.ShapeError, WRONG + r"\(S, n\) = \(5,\)"),
}  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize("name", BUILT)
def test_it_is_said_when_the_model_is_built(name: str) -> None:
    call, error, message = BUILT[name]
    with pytest.raises(error, match=message):
        call()


def test_a_memory_that_is_passed_is_named_too() -> None:
    x = np.zeros((5, 2, N), "float32"), np.zeros((2, 6, 5), "float32"), np.ones((2, 6), "float32")
    message = r"writer.*, a memory, axis -1 must have size 4, .* found \(S, n\) = \(6, 5\); build"
    with pytest.raises(rb.ShapeError, match=message):
        rb.predict(decoder(), x)


@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_one_that_fits_is_taken(kind: str) -> None:
    source = rb.Input(3, "s", axis="source")
    memory, mask = rb.WholeSeries()(rb.GRU(3, N, rng=2)(source))
    model = rb.Graph((source, TOLD), decoder(kind)(TOLD, memory, mask))
    x = np.ones((6, 2, 3), "float32"), np.ones((5, 2, N), "float32")
    assert np.isfinite(rb.predict(model, x)[0]).all()
