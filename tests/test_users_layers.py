"""Layers and losses of a person's own, next to kernels that read memory as it lies: what does not fit is an error."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

Array = np.ndarray
Change = Callable[[Array], Any]
SIZE, SHAPE = 8, (6, 4, 8)
BACKENDS = ("interpreter", "numpy", "llvm")


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


def lstm() -> rb.Recurrent:
    return rb.LSTM(SIZE, SIZE, rng=1)


def dense() -> rb.Dense:
    return rb.Dense(SIZE, SIZE, rng=2)


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
every_backend = pytest.mark.parametrize("backend", BACKENDS)


def gradients(model: Any, backend: str, loss: Any = None, **options: Any) -> rb.Gradients:
    x, target = np.random.default_rng(0).normal(size=(2, *SHAPE)).astype(np.float32)
    return rb.bptt(
        model, x, target, loss or rb.losses.MeanSquaredError(), backend=backend, chunk=3, **options
    )


def misaligned(d: Array) -> Array:
    memory = np.frombuffer(bytearray(d.nbytes + 1), np.uint8)[1:].view(d.dtype).reshape(d.shape)
    memory[...] = d
    return memory


SAME: dict[str, Change] = {
    "in Fortran's order": np.asfortranarray,
    "strided": lambda d: np.repeat(d, 2, axis=-1)[..., ::2],
    "at an odd address": misaligned,
    "read only": lambda d: np.broadcast_to(d, d.shape),
}


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


DTYPES: dict[str, Change] = {
    "float64": lambda d: d.astype(np.float64),
    "of the other order of bytes": lambda d: d.astype(d.dtype.newbyteorder()),
    "float16": lambda d: d.astype(np.float16),
    "complex": lambda d: d + 0j,
}
SHAPES: dict[str, Change] = {
    "twice as wide": lambda d: np.concatenate([d, d], -1),
    "one feature": lambda d: d[..., :1],
    "one row": lambda d: d[..., :1, :],
    "a row more": lambda d: np.concatenate([d, d[..., :1, :]], -2),
    "no batch axes": lambda d: d.reshape(-1, SIZE)[0],
    "an axis more": lambda d: d[None],
    "a feature axis more": lambda d: d[..., None],
}
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


class Squares(rb.losses.Loss):
    """Σ (y − t)², with what ``change`` makes of the derivative."""

    def __init__(self, change: Change = np.asarray) -> None:
        self.change = change

    def weight(self, target: Any, weights: Any = None, *, outputs: Any) -> float:
        return float(np.prod(outputs))

    def summed(self, y: Any, target: Any, weights: Any = None) -> tuple[Any, Any]:
        d = y - target
        return float((d * d).sum(dtype=np.float64)), self.change(2 * d)


LYING = [name for name in SAME if name != "read only"]  # what a loss gives belongs to its caller
MODELS = {"LSTM": lstm, "Dense": lambda: rb.Sequential(lstm(), dense())}


@pytest.mark.one_in(2)
@every_backend
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    "change", [DTYPES["float64"], DTYPES["of the other order of bytes"], *map(SAME.get, LYING)]
)
def test_a_derivative_of_a_loss_in_another_dtype(change: Change, model: str, backend: str) -> None:
    expected = gradients(MODELS[model](), "interpreter").grads
    functions = (
        Squares(change),
        lambda y, t: (0.0, change(2 * (y - t) / y.dtype.type(np.prod(SHAPE)))),
    )
    for loss in functions:
        found = gradients(MODELS[model](), backend, loss)
        for name, grad in expected.items():
            np.testing.assert_allclose(found.grads[name], grad, rtol=1e-4, atol=1e-7)


@pytest.mark.one_in(2)
@every_backend
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("change", SHAPES)
def test_a_derivative_of_a_loss_in_another_shape(change: str, model: str, backend: str) -> None:
    wrong = SHAPES[change]
    with pytest.raises(
        rb.ShapeError,
        match=r"^Squares\(\) returned dy of shape .* for y of shape \(3, 4, 8\); they must",
    ):
        gradients(MODELS[model](), backend, Squares(wrong))
    with pytest.raises(rb.ShapeError, match=r"^the loss function returned dy of shape"):
        gradients(MODELS[model](), backend, lambda y, t: (0.0, wrong(y - t)))


@every_backend
def test_numbers_beyond_float32(backend: str) -> None:
    x, target = np.zeros((2, *SHAPE), np.float32)
    large, mask = np.zeros(SHAPE), np.ones(SHAPE[:2])
    large[4, 3, 2], mask[1, 2] = -1e300, 1e39
    squares, cured = (
        rb.losses.MeanSquaredError(),
        "beyond float32; scale it, or build the model in float64",
    )
    with pytest.raises(
        ValueError, match=rf"MeanSquaredError\(\): target has -1e\+300 at \[4, 3, 2\], {cured}"
    ):
        rb.bptt(lstm(), x, large, squares, backend=backend)
    for loss, goal in ((squares, target), (rb.losses.CrossEntropy(), np.zeros(SHAPE[:2], int))):
        with pytest.raises(ValueError, match=rf"weights has 1e\+39 at \[.*\], {cured}"):
            rb.bptt(lstm(), x, goal, loss, mask=mask, backend=backend)
    with pytest.raises(
        ValueError, match=rf"^the loss function: dy has -1e\+300 at \[4, 3, 2\], {cured}"
    ):
        rb.bptt(lstm(), x, None, lambda y, _: (0.0, large), backend=backend)
    with pytest.raises(ValueError, match="returned a value beyond float64; scale it"):
        rb.bptt(lstm(), x, None, lambda y, _: (10**400, y), backend=backend)


def put_item(layer: Any, other: Array) -> None:
    layer.params["weight"] = other


def put_several(layer: Any, other: Array) -> None:
    layer.params.update({"bias": np.zeros(8, np.float32)}, weight=other)


def put_another(layer: Any, other: Array) -> None:
    layer.params |= {"bias": np.zeros(8, np.float32), "weight": other}


def put_all(layer: Any, other: Array) -> None:
    layer.params = {"bias": np.zeros(8, np.float32), "weight": other}


@pytest.mark.parametrize("put", [put_item, put_several, put_another, put_all])
def test_a_parameter_keeps_its_shape(put: Callable[[Any, Array], None]) -> None:
    layer = dense()
    before = {name: p.copy() for name, p in layer.params.items()}
    with pytest.raises(
        rb.ShapeError,
        match=r"^parameter 'weight' must have shape \(8, 8\), found \(1, 1\); write into",
    ):
        put(layer, np.ones((1, 1), np.float32))
    assert layer.params.keys() == before.keys()
    for name, p in before.items():
        np.testing.assert_array_equal(layer.params[name], p)


def test_parameters_are_real_arrays_and_stay_all() -> None:
    layer = dense()
    with pytest.raises(
        TypeError, match=r"parameter 'bias' must be an array, found \[0, 0\]; use np.asarray"
    ):
        layer.params["bias"] = [0, 0]  # type: ignore[assignment]  # on purpose
    for kind in ("float16", ">f4", "int64"):
        with pytest.raises(
            rb.DtypeError, match=r"parameter 'bias' has dtype .*; parameters are float32 or float64"
        ):
            layer.params["bias"] = np.zeros(8, kind)
    with pytest.raises(
        TypeError, match=r"params has \['weight', 'bias'\], found \['weight'\]; give them all"
    ):
        layer.params = {"weight": layer.params["weight"]}
    layer.params["weight"] = np.ones((8, 8), np.float32)  # of its shape, as a tied weight is
    np.testing.assert_array_equal(
        layer(np.ones((1, 8), np.float32)), 8 + layer.params["bias"][None]
    )


def test_copies_of_a_layer_guard_their_parameters() -> None:
    layer = dense()
    for again in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        np.testing.assert_array_equal(again.params["weight"], layer.params["weight"])
        with pytest.raises(rb.ShapeError, match="parameter 'bias' must have shape"):
            again.params["bias"] = np.zeros(7, np.float32)
    other = dense()
    other.params = layer.params
    assert all(
        other.params[name] is p for name, p in layer.params.items()
    )  # tied; test_parameters_replaced has more


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
        rb.ShapeError, match=rf"^Lowered\(\): lower: {message}.*; let lower do what forward does"
    ):
        gradients(in_cell(Lowered()), backend)
