"""Models of several inputs: gradients, forms of x, static inputs next to series, schedules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.helpers import assert_close, assert_same_arrays, assert_same_bits, assert_same_named
from tests.several_inputs import MODELS, data, gated_cell, mixed, named, paired_cell
from tests.traced_runs import BACKENDS

T, B, N = 7, 3, 4
MSE = rb.losses.MeanSquaredError()


pytestmark = pytest.mark.one_in(10)


@pytest.fixture(autouse=True, params=["interpreter", *BACKENDS])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", request.param)


def run(model: str, built: Any = None, **options: Any) -> rb.Gradients:
    given = data(model, T, B, N)
    built = MODELS[model][0](N) if built is None else built
    options = {"x": named(model, given.inputs), "target": given.target, "chunk": 2} | options
    return rb.bptt(built, loss=MSE, **options)


@pytest.mark.quick
@pytest.mark.parametrize("model", MODELS)
def test_every_gradient_is_the_complex_step(model: str) -> None:
    built, given = MODELS[model][0](N), data(model, T, B, N)
    x = named(model, given.inputs)
    found = rb.check_grads(built, x, given.target, MSE, chunk=3, checkpoint="sqrt", samples=6)
    floats = [k for k, array in enumerate(x) if array.dtype.kind == "f"]
    assert {f"x[{k}]" for k in floats} == {name for name in found.errors if name.startswith("x[")}


@pytest.mark.parametrize("model", ["alone", "mixed", "symbols"])
def test_dx_comes_back_as_x_was_passed(model: str) -> None:
    given = data(model, T, B, N)
    in_order = run(model)
    by_name = run(model, x=dict(reversed(given.inputs.items())))
    assert isinstance(in_order.dx, tuple)
    assert list(by_name.dx) == MODELS[model][1].split()
    assert_same_arrays(by_name.dx.values(), in_order.dx)
    assert_same_named(by_name.grads, in_order.grads)
    floats = [array if array.dtype.kind == "f" else None for array in named(model, given.inputs)]
    shapes = [None if array is None else array.shape for array in floats]
    assert [None if dx is None else dx.shape for dx in in_order.dx] == shapes
    assert "dx" in repr(by_name)


def test_a_model_of_one_input_takes_a_dict_too() -> None:
    x = rb.Input(N, "rain")
    model = rb.Graph(x, rb.LSTM(N, N, dtype="float64", rng=0)(x))
    given = np.random.default_rng(0).normal(size=(T, B, N))
    target = np.zeros((T, B, N))
    found = rb.bptt(model, {"rain": given}, target, MSE)
    plain = rb.bptt(model, given, target, MSE)
    assert_same_arrays(found.dx.values(), [plain.dx])
    assert_same_named(found.grads, plain.grads)


def test_two_series_are_one_that_is_taken_apart() -> None:
    joined, cell = rb.Input(2 * N), paired_cell(N)
    split = rb.Split(N, N)(joined)
    state = rb.State(N, "h")
    h_new = cell.cell(*split, state)[0]
    one = rb.Recurrent(rb.Cell(joined, {state: h_new}, output=h_new))
    given = data("two series", T, B, N)
    both = rb.bptt(cell, named("two series", given.inputs), given.target, MSE, chunk=2)
    x = np.concatenate([*given.inputs.values()], axis=-1)
    whole = rb.bptt(one, x, given.target, MSE, chunk=2)
    assert both.loss == pytest.approx(whole.loss, rel=1e-14)
    np.testing.assert_allclose(np.concatenate(both.dx, axis=-1), whole.dx, rtol=0, atol=1e-15)
    for one_grad, grad in zip(whole.grads.values(), both.grads.values(), strict=True):
        np.testing.assert_allclose(grad, one_grad, rtol=0, atol=1e-15)


def unrolled(model: Any) -> Any:
    """The same nodes with a series in place of the static input."""
    s, x, z = rb.Input(N), rb.Input(N), rb.Input(N)
    inner = rb.Input(N), rb.Input(N), rb.State(N, "h")
    gated, paired = model.layers[2], model.layers[4]
    h_new = gated.cell(*inner)[0]
    cell = rb.Recurrent(rb.Cell(inner[:2], {inner[2]: h_new}, output=h_new))
    h = paired(cell(x, model.layers[1](model.layers[0](s))) + z, s)
    return rb.Graph((s, x, z), model.layers[6](model.layers[5](h), s, z))


@pytest.mark.parametrize("chunk", [1, 3, T])
def test_a_static_input_is_the_same_value_at_every_step(chunk: int) -> None:
    model, given = mixed(N), data("mixed", T, B, N)
    static, *series = named("mixed", given.inputs)
    found = rb.bptt(model, (static, *series), given.target, MSE, chunk=chunk)
    repeated = np.broadcast_to(static, (T, B, N)), *series
    whole = rb.bptt(unrolled(model), repeated, given.target, MSE, chunk=chunk)
    assert found.loss == pytest.approx(whole.loss, rel=1e-14)
    np.testing.assert_allclose(found.dx[0], whole.dx[0].sum(axis=0), rtol=0, atol=1e-14)
    for one, other in zip(found.dx[1:], whole.dx[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-15)
    for one, other in zip(found.grads.values(), whole.grads.values(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-14)


REPLAYING = {
    "sqrt": "sqrt",
    "revolve": lambda n: schedules.Revolve(n, 2),
    "disk": lambda n: schedules.EveryK(n, 2, "disk"),
    "none": lambda n: schedules.Revolve(n, 1),
}


@pytest.mark.parametrize("chunk", [1, 2, T])
@pytest.mark.parametrize("model", MODELS)
def test_every_replaying_schedule_has_the_same_bits(model: str, chunk: int) -> None:
    built = MODELS[model][0](N)
    cached = run(model, built, chunk=chunk)
    for schedule in REPLAYING.values():
        found = run(model, built, chunk=chunk, checkpoint=schedule)
        assert_same_arrays(found.dx, cached.dx)
        assert_same_bits(
            rb.Gradients(**vars(found) | {"dx": None}), rb.Gradients(**vars(cached) | {"dx": None})
        )


@pytest.mark.parametrize("model", MODELS)
def test_rebuilt_chunks_agree_to_rounding(model: str) -> None:
    built = MODELS[model][0](N)
    thin = run(model, built, checkpoint=lambda n: schedules.ThinTapes(n, 2))
    assert_close(thin, run(model, built))


@pytest.mark.parametrize("model", MODELS)
def test_chunks_of_other_lengths_agree_to_rounding(model: str) -> None:
    built = MODELS[model][0](N)
    assert_close(run(model, built, chunk=1), run(model, built, chunk=T))


def test_a_horizon_cuts_states_and_not_what_is_the_same_at_all_steps() -> None:
    """The gradient by a static input is that of both halves, each begun in the state before it."""
    model, given = gated_cell(N), data("alone", 6, B, N)
    x, s = named("alone", given.inputs)
    cut = rb.bptt(model, (x, s), given.target, MSE, horizon=3)
    first = rb.bptt(model, (x[:3], s), given.target[:3], MSE)
    second = rb.bptt(model, (x[3:], s), given.target[3:], MSE, state=first.state)
    np.testing.assert_allclose(cut.dx[1], (first.dx[1] + second.dx[1]) / 2, rtol=0, atol=1e-15)
    for name, grad in cut.grads.items():
        both = (first.grads[name] + second.grads[name]) / 2
        np.testing.assert_allclose(grad, both, rtol=0, atol=1e-15)


@pytest.mark.long
def test_many_chunks_of_float32_lose_no_digits_of_a_static_gradient() -> None:
    """Its sum over 1,000 chunks is parted, as that of parameters is."""
    steps = 1_000
    x, s = rb.Input(1), rb.Input(1, per="sequence")
    model = rb.Graph((x, s), rb.Dense(1, 1, dtype="float32", rng=0)(x) * s)
    rng = np.random.default_rng(0)
    given = rng.normal(3, 1, (steps, 2, 1)).astype("float32"), np.ones((2, 1), "float32")
    target = np.zeros((steps, 2, 1), "float32")
    found = rb.bptt(model, given, target, MSE, chunk=1)
    double = tuple(a.astype("float64") for a in given)
    exact = rb.bptt(model.astype("float64"), double, target, MSE, chunk=1)
    np.testing.assert_allclose(found.dx[1], exact.dx[1], rtol=3e-7)


@pytest.mark.parametrize("model", MODELS)
def test_predict_in_pieces_is_predict(model: str) -> None:
    built, given = MODELS[model][0](N), data(model, T, B, N)
    whole, state = rb.predict(built, given.inputs, chunk=3)
    static = {name: a for name, a in given.inputs.items() if len(a) == B}
    parts, present = [], None
    for span in (slice(0, 2), slice(2, 3), slice(3, T)):
        piece = {name: a if name in static else a[span] for name, a in given.inputs.items()}
        y, present = rb.predict(built, piece, state=present)
        parts.append(y)
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-15)
    assert len(present) == len(state)
    loss, _ = rb.evaluate(built, given.inputs, given.target, MSE, chunk=2)
    assert loss == pytest.approx(((whole - given.target) ** 2).mean(), rel=1e-12)


def test_a_static_mask_is_drawn_once_a_run() -> None:
    x, s = rb.Input(1), rb.Input(50, per="sequence")
    model = rb.Graph((x, s), rb.Concat(1, 50)(x, rb.Dropout(0.5)(s)))
    given = np.zeros((6, 2, 1), "float32"), np.ones((2, 50), "float32")
    y, _ = rb.predict(model, given, chunk=2, training=True)
    assert (y == y[0]).all()
    assert set(np.unique(y[..., 1:])) == {0.0, 2.0}
    assert (y[0, 0] != y[0, 1]).any()
    assert (rb.predict(model, given, chunk=4, training=True)[0] == y).all()
    assert (rb.predict(model, given, training=True, seed=1)[0] != y).any()


def test_parameters_that_change_between_runs_are_read_again() -> None:
    model = mixed(N)
    before = run("mixed", model)
    for p in model.params.values():
        p *= 2
    again, fresh = run("mixed", model), mixed(N)
    for p in fresh.params.values():
        p *= 2
    assert again.loss != before.loss
    assert_same_named(again.grads, run("mixed", fresh).grads)


def test_backprop_takes_examples_and_static_inputs_alike() -> None:
    model, given = MODELS["timeless"][0](N), data("timeless", 1, B, N)
    x, s = named("timeless", given.inputs)
    found = rb.backprop(model, {"x": x[0], "s": s}, given.target[0], MSE, return_y=True)
    whole = rb.bptt(model, (x, s), given.target, MSE, return_y=True)
    assert_same_arrays(found.dx.values(), [whole.dx[0][0], whole.dx[1]])
    assert_same_arrays([found.y], [whole.y[0]])
    with pytest.raises(rb.ShapeError, match=r"x\['s'\] has shape \(4,\), that of one example"):
        rb.backprop(model, {"x": x[0], "s": s[0]}, given.target[0], MSE)


def test_schedules_are_compared() -> None:
    given = data("alone", 12, B, N)
    how: dict[str, Any] = {"shares": [100], "schedules": ["all"], "repeats": 1, "chunk": 3}
    found = rb.compare.sweep(gated_cell(N), given.inputs, given.target, MSE, **how)
    assert [row.choice.name for row in found.rows] == ["all"]
    assert found.rows[0].measured.same_bits


@pytest.mark.long
def test_a_series_may_be_two_inputs_of_one_cell() -> None:
    x, s = rb.Input(N), rb.Input(N, per="sequence")
    z = paired_cell(N)(x, x)
    model = rb.Graph((x, s), paired_cell(N)(z + s, s) + gated_cell(N)(x, s))
    given = data("alone", T, B, N)
    assert (
        rb.check_grads(model, named("alone", given.inputs), given.target, MSE, chunk=3).worst
        < 1e-12
    )
