"""Attention in a cell: gradients, backends, bytes, masks."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp import schedules
from tests.attention_models import MODELS, N_IN, N, S, attention, data, decoder, lines
from tests.helpers import (
    assert_close,
    assert_same_arrays,
    assert_same_named,
    reals,
)
from tests.traced_runs import BACKENDS as COMPILED
from tests.traced_runs import traced

MSE = rb.losses.MeanSquaredError()
KINDS = ("dot", "additive")
ALL = list(product(MODELS, KINDS))
QUICK = {("decoder", kind) for kind in KINDS}
SOME = [pytest.param(*both, marks=[pytest.mark.long] * (both not in QUICK)) for both in ALL]


def run(name: str, kind: str, **options: Any) -> rb.Gradients:
    x, target = data(name, kind)
    return rb.bptt(MODELS[name](kind), x, target, MSE, **{"chunk": 4, **options})


@pytest.mark.parametrize(
    ("name", "kind"),
    [pytest.param(*b, marks=[pytest.mark.long] * (b != ("decoder", "additive"))) for b in ALL],
)
def test_gradients_are_those_of_complex_steps(name: str, kind: str) -> None:
    x, target = data(name, kind, steps=3)
    found = rb.check_grads(MODELS[name](kind), x, target, MSE)
    assert found.worst < 1e-12, found


@pytest.mark.parametrize(("name", "kind"), SOME)
def test_backends_agree(name: str, kind: str) -> None:
    expected = run(name, kind, backend="interpreter")
    assert all(np.abs(part).sum() > 0 for part in expected.grads.values())
    for backend in COMPILED:
        found = run(name, kind, backend=backend)
        assert_close(found, expected)
        for key, delta in expected.dx.items():
            np.testing.assert_allclose(found.dx[key], delta, rtol=0, atol=1e-13, err_msg=key)


@pytest.mark.one_in(4, "kind", "backend")
@pytest.mark.parametrize("backend", COMPILED)
@pytest.mark.parametrize("kind", KINDS)
def test_deltas_are_added_up_over_the_pieces_of_a_chunk(kind: str, backend: str) -> None:
    """A chunk of so many rows goes backward in several pieces."""
    x, target = data("decoder", kind, 24, 100)
    expected, found = (
        rb.bptt(decoder(kind), x, target, MSE, chunk=chunk, backend=backend).dx for chunk in (1, 24)
    )
    for key, delta in expected.items():
        np.testing.assert_allclose(found[key], delta, rtol=0, atol=1e-14, err_msg=key)


@pytest.mark.parametrize(("name", "kind"), ALL)
def test_no_layer_runs_as_python(name: str, kind: str) -> None:
    x, _ = data(name, kind)
    shapes = {key: array.shape[1:] for key, array in x.items() if key != "x"}
    assert rb.explain(MODELS[name](kind), x_shape=shapes).opaque == ()


@pytest.mark.long
@pytest.mark.parametrize("backend", COMPILED)
@pytest.mark.parametrize(("name", "kind"), ALL)
def test_bits_are_the_same_under_every_schedule_and_with_any_threads(
    name: str, kind: str, backend: str, use_threads: Callable[[int], None]
) -> None:
    cached = run(name, kind, backend=backend)
    for schedule in ("sqrt", lambda n: schedules.Revolve(n, 1)):
        assert_same(run(name, kind, backend=backend, checkpoint=schedule), cached)
    use_threads(3)
    assert_same(run(name, kind, backend=backend), cached)


def assert_same(found: rb.Gradients, expected: rb.Gradients) -> None:
    """That loss, gradients and deltas of the inputs have the same bits."""
    assert found.loss == expected.loss
    assert_same_named(found.grads, expected.grads)
    assert_same_named(found.dx, expected.dx)


@pytest.mark.one_in(90, "backend")
@pytest.mark.parametrize(("name", "kind"), ALL)
@pytest.mark.parametrize("backend", ["interpreter", *COMPILED])
@pytest.mark.parametrize("schedule", ["all", "sqrt", lambda n: schedules.ThinTapes(n, 2)])
def test_forecast_ledger_and_tracemalloc_agree(
    name: str, kind: str, backend: str, schedule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    x, target = data(name, kind, 12, 200)
    options = {"chunk": 5, "checkpoint": schedule}
    peak, stats = traced(MODELS[name](kind), x, target, **options)
    told = stats.peak_bytes + stats.object_bytes
    assert abs(peak - told) <= max(0.01 * told, 2**16), (peak, told)
    shapes = {key: array.shape[-1 if key == "x" else 1 :] for key, array in x.items()}
    size: dict[str, Any] = {"x_shape": shapes, "steps": 12, "batch": 200}
    expected = rb.forecast(MODELS[name](kind), MSE, **size, **options)
    assert expected.peak_bytes_by_kind == stats.peak_bytes_by_kind


@pytest.mark.one_in(4, "kind", "backend")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", COMPILED)
def test_the_delta_of_the_memory_takes_no_array_of_all_steps(kind: str, backend: str) -> None:
    steps, positions, n = 96, 50, 32
    x, memory = reals(steps, 2, n), reals(2, positions, n)
    found = rb.bptt(of_size(kind, n), (x, memory), x, MSE, chunk=steps, backend=backend)
    assert found.stats.peak_bytes < steps * memory.nbytes / 2


def of_size(kind: Any, n: int) -> Any:
    """A decoder of n features everywhere."""
    x, h, memory = rb.Input(n, "x"), rb.State(n, "h"), rb.Input(None, "memory", per="sequence")
    options: Any = {} if kind == "dot" else {"n_query": n, "n_memory": n, "dtype": "float64"}
    h_new = rb.Tanh()(x + rb.Attention(kind, **options)(h, memory))
    return rb.Recurrent(rb.Cell((x, memory), {h: h_new}, output=h_new))


@pytest.mark.parametrize("kind", ["dot", pytest.param("additive", marks=pytest.mark.long)])
def test_a_sequence_with_a_mask_is_as_one_without_what_is_masked(kind: str) -> None:
    x, target = data("decoder", kind)
    whole = rb.bptt(decoder(kind), x, target, dy_of_sum, chunk=4)
    assert whole.dx is not None
    for row, many in ((0, 1), (2, 3)):
        one = slice(row, row + 1)
        memory = x["memory"][one, :many]
        alone = rb.bptt(
            decoder(kind, masked=False),
            (x["x"][:, one], memory),
            target[:, one],
            dy_of_sum,
            chunk=4,
        )
        np.testing.assert_allclose(whole.dx["x"][:, one], alone.dx[0], rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(
            whole.dx["memory"][one, :many], alone.dx[1], rtol=1e-12, atol=1e-14
        )
        assert not whole.dx["memory"][one, many:].any()


def dy_of_sum(y: Any, target: Any) -> tuple[float, Any]:
    """A loss that is a sum over all sequences."""
    return float((y * target).sum()), target


@pytest.mark.one_in(12, "kind", "backend")
@pytest.mark.parametrize("backend", ["interpreter", *COMPILED])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_exactly_zero_where_masked(
    kind: str, dtype: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, memory, mask, h = (
        rb.Input(N_IN, "x"),
        *(rb.Input(None, name, per="sequence") for name in ("memory", "mask")),
        rb.State(N, "h"),
    )
    options = (
        {} if kind == "dot" else {"n_query": N, "n_memory": lines(kind), "rng": 0, "dtype": dtype}
    )
    _, weights = rb.Attention(kind, weights=True, **options)(h, memory, mask)
    h_new = rb.Tanh()(rb.Dense(N_IN, N, rng=0, dtype=dtype)(x) + h)
    model = rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=weights))
    given = {key: array.astype(dtype) for key, array in data("decoder", kind)[0].items()}
    given["memory"] = -1000 * np.abs(given["memory"])
    monkeypatch.setenv("RNNBP_BACKEND", backend)
    found = rb.predict(model, given)[0]
    inside = np.broadcast_to(given["mask"] == 1, found.shape)
    assert not found[~inside].any()
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-5)


@pytest.mark.one_in(4, "backend", "kind")
@pytest.mark.parametrize("gap", [0.0, -1.0], ids=["infinite", "nan"])
@pytest.mark.parametrize("backend", ["interpreter", *COMPILED])
@pytest.mark.parametrize("kind", KINDS)
def test_the_memory_is_not_looked_at_where_masked(kind: str, backend: str, gap: float) -> None:
    """A logarithm makes it so within the model: what is passed must be finite."""
    x, target = data("decoder", kind)
    shape = x["memory"].shape
    x |= {"gap": np.ones(shape), "mask": np.ones(shape[:2])}
    x["mask"][:, -1] = 0
    names = ("memory", "mask", "gap")
    static = {name: rb.Input(x[name].shape[1:], name, per="sequence") for name in names}
    outer = rb.Input(N_IN, "x")
    memory = static["memory"] + rb.Log()(static["gap"])
    y = decoder(kind)(outer, memory, static["mask"])
    model = rb.Graph((outer, *static.values()), y)
    whole = rb.bptt(model, x, target, MSE, chunk=4, backend=backend)
    x["gap"][:, -1] = gap
    spoilt = rb.bptt(model, x, target, MSE, chunk=4, backend=backend)
    assert spoilt.loss == whole.loss
    assert_same_named(spoilt.grads, whole.grads)
    for name in ("x", "memory"):
        assert_same_arrays([spoilt.dx[name]], [whole.dx[name]])


@pytest.mark.skipif("llvm" not in COMPILED, reason="needs llvmlite")
@pytest.mark.one_in(30, "dtype")
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("positions", [1, 4, 5])
@pytest.mark.parametrize("n", [1, 7, 8, 16, 33])
def test_machine_code_of_additive_scores_is_right_at_every_size(
    n: int, positions: int, dtype: str
) -> None:
    x, h = rb.Input(n, "x"), rb.State(n, "h")
    memory = rb.Input((positions, 3), "memory", per="sequence")
    options: Any = {"dtype": dtype, "rng": 0}
    context = rb.Attention("additive", n_query=n, n_memory=3, **options)(h, memory)
    h_new = rb.Tanh()(rb.Dense((n, 3), n, **options)(x, context))
    model = rb.Recurrent(rb.Cell((x, memory), {h: h_new}, output=h_new))
    given = reals(5, 2, n, dtype=dtype), reals(2, positions, 3, dtype=dtype)
    a, b = (
        rb.bptt(model, given, given[0], MSE, chunk=3, backend=backend)
        for backend in ("numpy", "llvm")
    )
    assert_close(b, a, rtol=1e4 * float(np.finfo(dtype).eps))


def test_the_size_of_the_context_is_known_where_that_of_the_memory_is_not() -> None:
    memory = rb.Input(None, "memory", per="sequence")
    assert rb.Attention()(rb.State(N), memory).shape == (N,)
    assert attention("additive")(rb.State(N), memory).shape == (lines("additive"),)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ["weight_memory", "weight_query", "weight_score"]),
        ("left", ["weight_left_memory", "weight_left_query", "weight_left_score"]),
    ],
)
def test_parameters_have_the_names_that_help_says(name: str | None, expected: list[str]) -> None:
    x, h, memory = rb.Input(N), rb.State(N), rb.Input(None, per="sequence")
    context = rb.Attention("additive", n_query=N, n_memory=N, name=name)(h, memory)
    params = rb.Recurrent(rb.Cell((x, memory), {h: x + context}, output=h)).params
    assert list(params) == expected
    assert {array.shape for array in params.values()} == {(N, N), (N,)}


@pytest.mark.parametrize(
    ("build", "error", "text"),
    [
        (lambda: rb.Attention("dots"), ValueError, "'dot' or 'additive', found 'dots' .did you"),
        (
            lambda: rb.Attention("additive"),
            TypeError,
            "give Attention\\('additive', n_query=..., n_",
        ),
        (lambda: rb.Attention()(rb.State(3), np.ones((5, 3))), TypeError, "memory is a symbolic"),
        (
            lambda: rb.Attention()(rb.State(3), rb.Input((5, 4), per="sequence")),
            rb.ShapeError,
            "the memory's lines must have 3 features, found 4",
        ),
        (
            lambda: rb.Attention()(
                rb.State(3), rb.Input((5, 3), per="sequence"), rb.Input(4, per="sequence")
            ),
            rb.ShapeError,
            "a mask of shape \\(5,\\), one number for each position, found \\(4,\\)",
        ),
        (
            lambda: attention("additive")(rb.State(N + 1), rb.Input(None, per="sequence")),
            rb.ShapeError,
            "the query must have 4 features, found 5",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    build: Callable[[], object], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        build()


def test_a_memory_of_other_lines_is_refused_when_it_comes() -> None:
    x, _ = data("decoder", "dot")
    with pytest.raises(
        rb.ShapeError, match=r"a memory, axis -1 must have size 4, .* found \(S, n\) = \(5, 5\)"
    ):
        rb.predict(decoder("dot"), x | {"memory": np.ones((3, S, N + 1))})
