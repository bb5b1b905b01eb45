"""A person's own layers that give wrong values, shapes or dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.lying_layers import (
    BATCH,
    SIZE,
    STEPS,
    Array,
    Change,
    Says,
    Silent,
    every_backend,
    gradients,
    same,
)


class Lies(np.ndarray):
    """An array that says that it fits."""

    shape = property(lambda _: (3, BATCH, SIZE))  # type: ignore[assignment]  # on purpose


class Plain(np.ndarray):
    """A subclass of a person's own."""


SHAPES: dict[str, Change] = {
    "one number": lambda d: d[:1, :1, :1].copy(),
    "no axes": lambda d: np.array(1, d.dtype),
    "empty": lambda d: d[:0],
    "no features": lambda d: d[..., :0],
    "one feature": lambda d: d[..., :1].copy(),
    "twice as long": lambda d: np.concatenate([d, d], -1),
    "one row": lambda d: d[:, :1].copy(),
    "one step": lambda d: d[:1].copy(),
    "flat": lambda d: d.reshape(-1),
    "batch first": lambda d: d.swapaxes(0, 1).copy(),
    "rows": lambda d: d.reshape(-1, d.shape[-1]).view(Plain),
    "a lie": lambda d: d[:1, :1, :1].copy().view(Lies),
}

OTHERS: dict[str, tuple[Change, type[Exception]]] = {
    "float64": (lambda d: d.astype(float), rb.DtypeError),
    "objects": (lambda d: d.astype(object), rb.DtypeError),
    "text": (lambda d: np.array("a"), rb.DtypeError),
    "masked": (lambda d: np.ma.masked_less(d, 0), TypeError),
    "a number": (lambda d: d.flat[0], TypeError),
    "a list": (lambda d: d.tolist(), TypeError),
}

WRONG = OTHERS | {name: (change, rb.ShapeError) for name, change in SHAPES.items()}


@pytest.mark.one_in(4)
@every_backend
@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("kind", [Silent, Says])
def test_a_delta_that_does_not_fit_names_its_layer(
    kind: type[Silent], case: str, backend: str
) -> None:
    change, error = WRONG[case]
    with pytest.raises(error, match=rf"^{kind.__name__}\(\): delta 0 "):
        gradients(kind(delta=change), backend)


LEADING = {
    name: case
    for name, case in WRONG.items()
    if name not in ("no features", "one feature", "twice as long")
}


@every_backend
@pytest.mark.parametrize("case", LEADING)
@pytest.mark.one_in(2)
def test_an_output_of_no_declared_shape_keeps_its_batch(case: str, backend: str) -> None:
    change, error = LEADING[case]
    with pytest.raises(error, match=r"^Silent\(\): (its output|forward must return)"):
        gradients(Silent(output=change), backend)


@every_backend
def test_an_output_of_other_features_in_a_later_chunk(backend: str) -> None:
    shorter = Silent(lambda y: y if len(y) == 3 else y[..., :1])  # the last chunk has two steps
    x = np.ones((STEPS, BATCH, SIZE), np.float32)
    model = rb.Sequential(shorter, Says(), rb.LSTM(SIZE, SIZE, rng=0))
    with pytest.raises(
        rb.ShapeError, match=r"^Silent\(\): its output has shape \(2, 4, 1\), expected \(2, 4, 24\)"
    ):
        rb.bptt(model, x, x, rb.losses.MeanSquaredError(), backend=backend, chunk=3)


RIGHT: dict[str, Change] = {
    "Fortran's order": np.asfortranarray,
    "backwards": lambda d: np.flip(np.flip(d).copy()),
    "a subclass": lambda d: d.view(Plain),
    "read only": lambda d: np.frombuffer(d.tobytes(), d.dtype).reshape(d.shape),
}


@every_backend
@pytest.mark.parametrize("case", RIGHT)
def test_values_count_however_they_lie(case: str, backend: str) -> None:
    change = RIGHT[case]
    expected, found = (
        gradients(Silent(), "interpreter"),
        gradients(Silent(change, change, change), backend),
    )
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-6, err_msg=name)


@every_backend
def test_nan_in_a_delta_reaches_the_gradients(backend: str) -> None:
    found = gradients(Silent(delta=lambda d: d * np.float32(np.nan)), backend)
    assert np.isnan(found.grads["0.weight_hh"]).all()
    assert np.isfinite(found.grads["3.weight"]).all()


GRADIENTS: dict[str, tuple[Change, type[Exception], str]] = {
    "one number": (
        lambda g: g[:1],
        rb.ShapeError,
        r"the gradient of scale must have shape \(24,\), found \(1,\)",
    ),
    "every row": (
        lambda g: np.stack([g, g]),
        rb.ShapeError,
        r"must have shape \(24,\), found \(2, 24\)",
    ),
    "complex": (lambda g: g + 0j, rb.DtypeError, "the gradient of scale has dtype complex64"),
    "objects": (
        lambda g: g.astype(object),
        rb.DtypeError,
        "the gradient of scale has dtype object",
    ),
    "masked": (
        lambda g: np.ma.masked_less(g, 0),
        TypeError,
        "the gradient of scale is a masked array",
    ),
    "a lie": (lambda g: g[:1].view(Lies), rb.ShapeError, r"must have shape \(24,\), found \(1,\)"),
}


@every_backend
@pytest.mark.parametrize("case", GRADIENTS)
def test_a_parameter_gradient_that_does_not_fit(case: str, backend: str) -> None:
    change, error, message = GRADIENTS[case]
    with pytest.raises(error, match=rf"^Silent\(\): .*{message}"):
        gradients(Silent(gradient=change), backend)


class Halves(rb.Layer):
    """Two outputs, with what ``change`` makes of both."""

    n_outputs = 2

    def __init__(self, change: Change) -> None:
        self.params, self.change = {}, change

    def forward(self, x: Array) -> tuple[Any, Any]:
        return self.change((x[..., : SIZE // 2], x[..., SIZE // 2 :])), ()

    def backward_inputs(self, saved: Any, dy: Any) -> Any:
        return (np.concatenate(dy, axis=-1),)

    def output_shapes(self, *shapes: Any) -> Any:
        return ((SIZE // 2,), (SIZE // 2,))


def halves(change: Change, backend: str) -> rb.Gradients:
    x = rb.Input(SIZE)
    first, second = Halves(change)(rb.LSTM(SIZE, SIZE, rng=0)(x))
    y = rb.Concat(SIZE // 2, SIZE // 2)(first, second)
    inputs = np.ones((STEPS, BATCH, SIZE), np.float32)
    return rb.bptt(
        rb.Graph(x, y), inputs, inputs, rb.losses.MeanSquaredError(), backend=backend, chunk=3
    )


@every_backend
def test_several_outputs_that_do_not_fit(backend: str) -> None:
    expected = rb.bptt(
        rb.LSTM(SIZE, SIZE, rng=0),
        *np.ones((2, STEPS, BATCH, SIZE), np.float32),
        rb.losses.MeanSquaredError(),
    )
    np.testing.assert_allclose(
        halves(same, backend).grads["0.weight_hh"],
        expected.grads["weight_hh"],
        rtol=1e-4,
        atol=1e-8,
    )
    with pytest.raises(
        TypeError, match=r"^Halves\(\): forward must return a tuple of 2 outputs, found 1"
    ):
        halves(lambda parts: parts[:1], backend)
    with pytest.raises(
        TypeError, match=r"^Halves\(\): forward must return a tuple of 2 outputs, found ndarray"
    ):
        halves(lambda parts: parts[0], backend)
    with pytest.raises(
        rb.ShapeError,
        match=r"^Halves\(\): its output has shape \(2, 1, 12\), expected \(2, 4, 12\)",
    ):
        halves(lambda parts: (parts[0], parts[1][:, :1]), backend)


@every_backend
def test_within_a_cell_shapes_must_be_declared(backend: str) -> None:
    x, h = rb.Input(SIZE), rb.State(SIZE, "h")
    new = rb.Tanh()(Silent()(rb.Dense((SIZE, SIZE), SIZE, rng=3)(x, h)))
    ones = np.ones((STEPS, BATCH, SIZE), np.float32)
    model = rb.Sequential(rb.Recurrent(rb.Cell(x, {h: new}, new)), rb.Dense(SIZE, SIZE, rng=4))
    with pytest.raises(
        rb.ShapeError,
        match=r"^Silent\(\): output_shapes returns None for inputs of \(24,\); within a",
    ):
        rb.bptt(model, ones, ones, rb.losses.MeanSquaredError(), backend=backend)
