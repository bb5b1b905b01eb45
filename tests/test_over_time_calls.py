"""What people meet in calls of networks over time: bars, warnings, memories with padding."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.over_time_cases import case
from tests.over_time_layers import IN, N, dense

MSE = rb.losses.MeanSquaredError()


class Opaque(rb.Layer):
    """A layer of the user's that cells run as Python, and that does not say what it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.params: dict[str, np.ndarray] = {}

    def forward(self, x: np.ndarray) -> Any:
        y = np.tanh(x)
        return y, (y,)

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> tuple[np.ndarray, ...]:
        return (dy * (1 - saved[0] ** 2),)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def opaque_model() -> Any:
    a, h = rb.Input(IN, "a"), rb.State(N, "h")
    h_new = Opaque()(dense(0, (IN, N))(a, h))
    return rb.Sequential(rb.Recurrent(rb.Cell(a, {h: h_new}, output=h_new), reverse=True))


X, TARGET = np.random.default_rng(0).normal(size=(5, 2, IN)), np.zeros((5, 2, N))


def test_a_cell_that_runs_as_python_though_kernels_were_named() -> None:
    model = opaque_model()
    with pytest.warns(RuntimeWarning, match=r"'llvm' was named, .* Opaque\(\) runs as Python"):
        rb.bptt(model, X, TARGET, MSE, backend="llvm")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rb.bptt(model, X, TARGET, MSE, backend="llvm")
        rb.bptt(opaque_model(), X, TARGET, MSE)


@pytest.mark.parametrize("lengths", [None, [5, 3]])
def test_a_layer_that_does_not_say_what_it_keeps(lengths: Any) -> None:
    whole = rb.bptt(opaque_model(), X, TARGET, MSE, lengths=lengths)
    parts = rb.bptt(opaque_model(), X, TARGET, MSE, lengths=lengths, chunk=2, checkpoint="sqrt")
    np.testing.assert_allclose(whole.dx, parts.dx, rtol=0, atol=1e-15)


@pytest.mark.parametrize("checkpoint", ["all", "sqrt"])
def test_a_bar_counts_the_steps_of_all_sweeps(checkpoint: str, capsys: Any) -> None:
    case("by state").bptt(progress=True, checkpoint=checkpoint)
    last = capsys.readouterr().err.rstrip().rpartition("\r")[2]
    (done, total), *_ = re.findall(r"([\d.]+)/([\d.]+)", last)
    assert done == total
    assert "100%" in last
    assert "peak" in last


def test_a_bar_that_is_no_bool() -> None:
    with pytest.raises(TypeError, match="progress must be True or False, found 'yes'"):
        case("both").bptt(progress="yes")


def looking_up(kind: Any, reverse: bool = False) -> Any:
    """A cell that looks up a memory that is passed, with its mask."""
    x, h = rb.Input(IN, "x"), rb.State(N, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    sizes = {"n_query": N, "n_memory": N, "dtype": "float64"} if kind == "additive" else {}
    context = rb.Attention(kind, **sizes)(h, memory, mask)
    h_new = rb.Tanh()(dense(1, (IN, N, N))(x, h, context))
    return rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=h_new), reverse=reverse)


MEMORY, MASK = (
    np.random.default_rng(1).normal(size=(2, 4, N)),
    np.array([[1.0, 1, 1, 1], [1, 1, 0, 0]]),
)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("kind", ["dot", "additive"])
def test_a_memory_may_be_anything_where_its_mask_is_0(
    kind: str, reverse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")
    model, padded = looking_up(kind, reverse), np.where(MASK[..., None] > 0, MEMORY, np.nan)
    known = rb.bptt(model, (X, MEMORY, MASK), TARGET, MSE)
    found = rb.bptt(model, (X, padded, MASK), TARGET, MSE)
    assert found.loss == known.loss
    np.testing.assert_array_equal(found.dx[1], known.dx[1])
    assert not found.dx[1][1, 2:].any()


@pytest.mark.parametrize("reverse", [False, True])
def test_a_memory_that_is_not_finite_where_it_is_looked_at(reverse: bool) -> None:
    padded = MEMORY.copy()
    padded[1, 1, 0] = np.inf
    with pytest.raises(ValueError, match=r"x\[1\] is inf at \[1, 1, 0\]; .* where x\[2\] is 1"):
        rb.predict(looking_up("dot", reverse), (X, padded, MASK))
    mask = np.where(MASK > 0, MASK, np.nan)
    with pytest.raises(ValueError, match=r"x\[2\] is nan at \[1, 2\]"):
        rb.predict(looking_up("dot", reverse), (X, MEMORY, mask))


def test_a_memory_that_a_layer_takes_too_must_be_finite_everywhere() -> None:
    x, memory, mask = rb.Input(IN, "x"), *(rb.Input(None, n, per="sequence") for n in "ab")
    y = looking_up("dot")(x, memory, mask)
    first = rb.Slice(8, 0, N)(rb.Flatten()(memory))
    model = rb.Graph((x, memory, mask), y * first)
    padded = np.where(MASK[..., None] > 0, MEMORY, np.nan)
    with pytest.raises(ValueError, match=r"x\[1\] is nan at \[1, 2, 0\]; .* all sequences$"):
        rb.predict(model, (X, padded, MASK))
