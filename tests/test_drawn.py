"""Random layers in compiled cells: the numbers of ``Context``, whatever the schedule and threads."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Array
from tests.every_schedule import every_schedule
from tests.helpers import UseThreads, assert_same_bits, reals
from tests.plain_layers import weighted
from tests.programs import half_square
from tests.random_layers import LAYERS

STEPS, BATCH, N = 11, 5, 20
LLVM = ["llvm"] if find_spec("llvmlite") else []
BACKENDS = ["interpreter", "numpy", *LLVM]


def some(*names: str) -> Any:
    """Every layer, of which all but these are in the long part."""
    long = pytest.mark.long
    found = [pytest.param(n, marks=[] if n in names else [long]) for n in LAYERS]
    return pytest.mark.parametrize("name", found, ids=list(LAYERS))


def cell(name: str, dtype: str = "float64", n: int = N) -> rb.Recurrent:
    """A random layer on x, before the loop, in the state, and in the output alone."""
    x, h, draw, rng = rb.Input(n), rb.State(n, "h"), LAYERS[name], np.random.default_rng(1)

    def dense(*values: Any) -> Any:
        return rb.Dense((n,) * len(values), n, dtype=dtype, rng=rng)(*values)

    new = draw(rb.Tanh()(dense(draw(x, 0.5 * x), draw(h, dense(x)))), h)
    y = draw(new, x) * rb.Sigmoid()(draw(dense(x), x))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=y))


def gradients(model: Any, dtype: str = "float64", **how: Any) -> Any:
    x = reals(STEPS, BATCH, N).astype(dtype)
    return rb.bptt(model, x, x, half_square, seed=3, **{"chunk": 3, **how})


@some("zoneout per step", "a user's")
@pytest.mark.parametrize("training", [True, False])
def test_backends_agree(name: str, training: bool) -> None:
    model = cell(name)
    runs = [gradients(model, backend=backend, training=training) for backend in BACKENDS]
    assert rb.explain(model).opaque == ()
    for found in runs[1:]:
        np.testing.assert_allclose(found.loss, runs[0].loss, rtol=1e-12)
        np.testing.assert_allclose(found.dx, runs[0].dx, rtol=1e-10, atol=1e-12)
        for key, grad in found.grads.items():
            np.testing.assert_allclose(grad, runs[0].grads[key], rtol=1e-10, atol=1e-12)


@some("dropout per sequence")
def test_gradients_are_those_of_complex_steps(name: str) -> None:
    x = reals(5, 2, 4)
    model = cell(name, n=4)
    assert rb.check_grads(model, x, x, half_square, seed=3, chunk=2).worst < 1e-12


@pytest.mark.parametrize("backend", BACKENDS[1:])
@some("a user's")
def test_bits_do_not_depend_on_the_schedule(name: str, backend: str) -> None:
    model = cell(name, "float32")
    expected = gradients(model, "float32", backend=backend)
    replaying = {t: s for t, s in every_schedule(4).items() if not t.startswith("Thin")}
    for schedule in replaying.values():
        assert_same_bits(
            gradients(model, "float32", backend=backend, checkpoint=schedule), expected
        )


@pytest.mark.skipif(not LLVM, reason="needs llvmlite")
@some("zoneout per sequence")
def test_bits_do_not_depend_on_threads(
    name: str, monkeypatch: pytest.MonkeyPatch, use_threads: UseThreads
) -> None:
    model, found = cell(name, "float32"), []
    monkeypatch.setattr("rnnbp.runners.llvm.sharing.WAKING", 1)
    for n in (1, 2, 3, 7):
        use_threads(n)
        found.append(gradients(model, "float32", backend="llvm"))
    for other in found[1:]:
        assert_same_bits(found[0], other)


def plain(name: str, dtype: str) -> rb.Recurrent:
    """A cell whose output is the random layer's, of x and of a number at each step."""
    x, h = rb.Input(N), rb.State(N, "h")
    return rb.Recurrent(rb.Cell(x, {h: 0.5 * h + x}, output=LAYERS[name](x, h)), dtype=dtype)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "name", [name for name in LAYERS if "noise" not in name and "user" not in name]
)
def test_masks_have_the_bits_of_the_layers_own_methods(name: str, dtype: str) -> None:
    model, x = plain(name, dtype), reals(40, BATCH, N).astype(dtype)
    how: dict[str, Any] = {"seed": 5, "return_y": True}
    expected = rb.bptt(model, x, x, weighted, chunk=40, backend="interpreter", **how)
    for backend in BACKENDS[1:]:
        for chunk in (1, 7, 40):
            found = rb.bptt(model, x, x, weighted, chunk=chunk, backend=backend, **how)
            assert np.array_equal(found.y, expected.y)
            assert np.array_equal(found.dx, expected.dx)


MACHINE = ["rnnbp.machine.philox.fill", "rnnbp.machine.ziggurat.fill"]


DRAWING = [("numpy", ["rnnbp.runners.draws.Stream"]), *[(name, MACHINE) for name in LLVM]]


@pytest.mark.parametrize(("backend", "drawing"), DRAWING)
def test_evaluation_draws_nothing(
    backend: str, drawing: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for function in drawing:
        monkeypatch.setattr(function, None)
    for name in ("noise per step", "a user's"):
        assert np.isfinite(gradients(cell(name), backend=backend, training=False).loss)
    with pytest.raises(TypeError):
        gradients(cell("a user's"), backend=backend)


def test_samples_of_predict_differ_by_their_seeds() -> None:
    model, x = cell("dropout per step", "float32"), reals(STEPS, BATCH, N).astype("float32")
    a, b, again = (rb.predict(model, x, training=True, seed=seed)[0] for seed in (1, 2, 1))
    assert np.array_equal(a, again)
    assert not np.array_equal(a, b)
    many = np.mean([rb.predict(model, x, training=True, seed=k)[0] for k in range(300)], axis=0)
    one = rb.predict(cell("zoneout per step", "float32"), x)[0]
    assert many.shape == one.shape
    assert np.abs(many - a).mean() > 0.01


def test_an_option_that_is_set_is_compiled() -> None:
    x, drop = rb.Input(N), rb.Dropout(0.0)
    h = rb.State(N, "h")
    model = rb.Recurrent(rb.Cell(x, {h: drop(x) + h}, output=h + drop(x)))
    data = np.ones((STEPS, BATCH, N), "float32")
    whole = rb.predict(model, data, training=True)[0][0]
    drop.set(p=0.5)
    assert set(rb.predict(model, data, training=True)[0][0].ravel()) == {0.0, 2.0}
    assert set(whole.ravel()) == {1.0}


def test_no_tape_holds_random_numbers() -> None:
    def taped(new: Callable[[Any], Any]) -> int | None:
        x, h = rb.Input(N), rb.State(N, "h")
        after = rb.Tanh()(new(rb.Dense((N, N), N)(x, h)))
        return rb.explain(rb.Cell(x, {h: after}, output=after)).bytes_per_step

    assert taped(rb.Dropout(0.3)) == taped(rb.GaussianNoise(0.3)) == taped(rb.Identity())


class Chosen(rb.Layer):
    """x where x ≥ ½, else −1, next to whether it is."""

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Array) -> Any:
        return np.concatenate([np.where(x >= 0.5, x, -1), x >= 0.5], -1).astype(x.dtype), (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (dy[..., : saved[0].shape[-1]] * (saved[0] >= 0.5),)

    def output_shapes(self, *shapes: Any) -> Any:
        return ((2 * shapes[0][0],),)

    def lower(self, ops: Any, x: int) -> tuple[int, ...]:
        low = ops.scale(x, 0.0, -1.0)
        return (ops.concat(ops.where(x, 0.5, x, low), ops.at_least(x, 0.5)),)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_choice_is_right_at_its_bound(backend: str) -> None:
    row = [0.5, np.nextafter(0.5, 0), np.nextafter(0.5, 1), -0.5, 0.0, -0.0, 3.0, 0.25]
    x, h = rb.Input(8), rb.State(1)
    model = rb.Recurrent(rb.Cell(x, {h: h}, output=Chosen()(x)), dtype="float64")
    data, weights = np.array([[row]]), np.arange(16.0)[None, None]
    found = rb.bptt(model, data, weights, weighted, backend=backend, return_y=True)
    above = np.array([1, 0, 1, 0, 0, 0, 1, 0])
    assert found.y is not None
    assert found.dx is not None
    assert found.y[0, 0].tolist() == [*np.where(above, row, -1), *above]
    assert found.dx[0, 0].tolist() == (weights[0, 0, :8] * above).tolist()


def test_numbers_are_drawn_no_more_often_than_a_value_changes() -> None:
    """DropConnect of a matrix, and noise of a static input, next to a mask of a state."""
    x, s, h = rb.Input(3), rb.Input(4, name="s", per="sequence"), rb.State(4, "h")
    matrix = rb.Dropout(0.5)(rb.Parameter((4, 4), name="W", dtype="float64", rng=0))
    drive = rb.Dense(3, 4, dtype="float64", rng=1)(x) + rb.GaussianNoise(0.1)(s) * h
    new = rb.Zoneout(0.3)(h, rb.Tanh()(drive + matrix @ rb.Dropout(0.3, per="sequence")(h)))
    model = rb.Recurrent(rb.Cell((x, s), {h: new}, output=new))
    xs, y = (reals(7, 2, 3), reals(2, 4)), reals(7, 2, 4)
    how: dict[str, Any] = {"seed": 5, "chunk": 2}
    assert rb.check_grads(model, xs, y, half_square, **how).worst < 1e-12
    losses = [rb.bptt(model, xs, y, half_square, backend=b, **how).loss for b in BACKENDS]
    np.testing.assert_allclose(losses, losses[0], rtol=1e-12)
    chunked = rb.bptt(model, xs, y, half_square, seed=5, chunk=7).loss
    assert chunked == pytest.approx(losses[0], rel=1e-12)
