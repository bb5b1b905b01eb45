"""Layers of a person's own, next to kernels that read raw memory: a misfit is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.users import (
    DTYPES,
    SAME,
    SHAPES,
    SIZE,
    Array,
    Change,
    dense,
    every_backend,
    gradients,
    lstm,
)


class Double(rb.Layer):
    """y = 2 x, with what ``change`` makes of the output, and of the delta."""

    def __init__(self, *, output: Change = np.asarray, delta: Change = np.asarray) -> None:
        self.params, self.output, self.delta = {}, output, delta

    def forward(self, x: Array) -> tuple[Any, Any]:
        return self.output(x * 2), ()

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (self.delta(dy * 2),)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def in_cell(layer: rb.Layer) -> rb.Recurrent:
    x, h = rb.Input(SIZE), rb.State(SIZE, "h")
    new = rb.Tanh()(layer(rb.Dense((SIZE, SIZE), SIZE, rng=3)(x, h)))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new))


PLACES: dict[str, Callable[[rb.Layer], Any]] = {
    "after an LSTM": lambda layer: rb.Sequential(lstm(), layer),
    "before an LSTM": lambda layer: rb.Sequential(layer, lstm()),
    "between LSTMs": lambda layer: rb.Sequential(lstm(), layer, lstm()),
    "after a Dense": lambda layer: rb.Sequential(lstm(), dense(), layer),
    "before a Dense": lambda layer: rb.Sequential(lstm(), layer, dense()),
    "in a cell": in_cell,
}
every_place = pytest.mark.parametrize("place", PLACES)


@pytest.mark.one_in(4)
@every_backend
@every_place
@pytest.mark.parametrize("change", SAME)
def test_however_arrays_lie_gradients_are_the_same(change: str, place: str, backend: str) -> None:
    expected = gradients(PLACES[place](Double()), "interpreter")
    found = gradients(
        PLACES[place](Double(output=SAME[change], delta=SAME[change])), backend, checkpoint="sqrt"
    )
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-4, atol=1e-6)


@every_backend
@pytest.mark.parametrize("kind", [np.int16, np.int8, bool])
def test_integers_before_a_recurrent_are_numbers(kind: Any, backend: str) -> None:
    """As a layer may give that counts, or compares."""

    def layer(kind: Any) -> rb.Layer:
        return Double(output=lambda y: (y > 0).astype(kind), delta=lambda d: d * 0)

    expected = gradients(rb.Sequential(layer(np.float32), lstm()), "interpreter")
    found = gradients(rb.Sequential(layer(kind), lstm()), backend)
    assert found.loss == pytest.approx(expected.loss, rel=1e-6)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-5, atol=1e-7)


@every_backend
@pytest.mark.parametrize("kind", [np.int16, bool])
def test_deltas_pass_a_layer_that_gives_integers(kind: Any, backend: str) -> None:
    """As straight-through estimators hand them on (Bengio et al. 2013)."""

    def model(kind: Any) -> rb.Sequential:
        return rb.Sequential(dense(), Double(output=lambda y: (y > 0).astype(kind)), lstm())

    expected, found = gradients(model(np.float32), "interpreter"), gradients(model(kind), backend)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=1e-5, atol=1e-7)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-5, atol=1e-7)


NO_ARRAYS: dict[str, Change] = {"a list": lambda d: d.tolist(), "a number": lambda d: d.sum()}
WRONG = (
    [(change, rb.DtypeError) for change in DTYPES.values()]
    + [(change, rb.ShapeError) for change in SHAPES.values()]
    + [(change, TypeError) for change in NO_ARRAYS.values()]
)
every_wrong = pytest.mark.parametrize(
    ("change", "error"), WRONG, ids=[*DTYPES, *SHAPES, *NO_ARRAYS]
)


@pytest.mark.one_in(9)
@every_backend
@every_place
@every_wrong
def test_a_delta_that_does_not_fit(
    change: Change, error: type[Exception], place: str, backend: str
) -> None:
    with pytest.raises(error, match=r"^Double\(\): delta 0 "):
        gradients(PLACES[place](Double(delta=change)), backend)


@pytest.mark.one_in(9)
@every_backend
@every_place
@every_wrong
def test_an_output_that_does_not_fit(
    change: Change, error: type[Exception], place: str, backend: str
) -> None:
    with pytest.raises(error, match=r"^Double\(\): (its output has|forward must return)"):
        gradients(PLACES[place](Double(output=change)), backend)


@every_backend
def test_a_later_time_step_that_does_not_fit(backend: str) -> None:
    """A shape may be right at first."""
    calls = []

    def later(d: Array) -> Array:
        calls.append(d)
        return d if len(calls) < 2 else d[..., :1]

    with pytest.raises(
        rb.ShapeError,
        match=r"Double\(\): delta 0 has shape \(3, 4, 1\), expected \(3, 4, 8\); give it",
    ):
        gradients(rb.Sequential(lstm(), Double(delta=later)), backend)


LOWERED: dict[str, tuple[Callable[..., Any], str]] = {
    "a weight for other features": (
        lambda ops, x, p: (ops.linear(x, p, "wide"),),
        r"wide has shape \(8, 9\), for 9",
    ),
    "a bias for other features": (
        lambda ops, x, p: (ops.bias(x, p, "short"),),
        r"short has shape \(7,\), for 7 .* 8",
    ),
    "a gain for other features": (
        lambda ops, x, p: (ops.gain(x, p, "short"),),
        r"short has shape \(7,\), for 7 .* 8",
    ),
    "a sum of unlike values": (
        lambda ops, x, p: (ops.add(x, ops.part(x, 0, 4)),),
        r"add: \(8,\) and \(4,\) must be one shape",
    ),
    "a part beyond": (
        lambda ops, x, p: (ops.part(x, 4, 12),),
        r"part: 4 to 12 is not within features \(8,\)",
    ),
    "another size": (
        lambda ops, x, p: (ops.same(x, (3, 3)),),
        r"same: \(3, 3\) is not of as many features as \(8,\)",
    ),
    "another output": (
        lambda ops, x, p: (ops.part(x, 0, 4),),
        r"returned \[\(4,\)\], output_shapes returned \[\(8,\)\]",
    ),
}


@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("case", LOWERED)
def test_a_lowering_that_does_not_fit(case: str, backend: str) -> None:
    lower, message = LOWERED[case]

    class Lowered(Double):
        def __init__(self) -> None:
            super().__init__()
            self.params = {"wide": np.ones((8, 9), np.float32), "short": np.ones(7, np.float32)}

        def lower(self, ops: Any, *xs: int) -> Any:
            return lower(ops, *xs, self.params)

    with pytest.raises(
        rb.ShapeError,
        match=rf"^Lowered\(\): lower: {message}.*(; |, or )let lower do what forward does",
    ):
        gradients(in_cell(Lowered()), backend)
