"""Options of cells: gradients, backends, first values, texts, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.cell_equations import CELLS
from tests.helpers import assert_close, assert_same_bits, reals
from tests.programs import half_square

PLAIN = ("lstm", "gru, reset after", "gru, reset before", "rnn, tanh", "rnn, relu")
OWN = [name for name in CELLS if name not in PLAIN]
SHORT = ["lstm, all", "lstm, peepholes", "gru, normalised", "rnn, leaky", "lru"]
LONG = [pytest.param(name, marks=pytest.mark.long) for name in OWN if name not in SHORT]
every_option = pytest.mark.parametrize("name", [*SHORT, *LONG])
SCHEDULES: dict[str, Any] = {
    "sqrt": "sqrt",
    "every 3": partial(rb.schedules.EveryK, k=3),
    "revolve": lambda n: rb.schedules.Revolve(n, 2),
    "multistage": lambda n: rb.schedules.Multistage(n, 1, 2),
}


def built(name: str, n: int = 4, dtype: str = "float64") -> rb.Recurrent:
    """The cell with random parameters, away from their first values."""
    build, options, _ = CELLS[name]
    model = build(3, n, dtype=dtype, rng=0, **options)
    for k, array in enumerate(model.params.values()):
        array[...] = 0.5 * reals(*array.shape, seed=k)
    return model


def state_of(model: rb.Recurrent, batch: int) -> list[tuple[np.ndarray, ...]]:
    return [tuple(reals(batch, *shape, seed=9) for shape in model.cell.state_shapes)]


@pytest.mark.long
@pytest.mark.quick
@every_option
def test_gradients_by_complex_steps(name: str) -> None:
    model, x = built(name), reals(6, 2, 3)
    found = rb.check_grads(model, x, state=state_of(model, 2), chunk=4)
    assert set(found.errors) >= {*model.params, "x"}
    assert len(found.errors) == len(model.params) + 1 + len(model.cell.state_names)
    assert found.worst <= 1e-12


@pytest.mark.one_in(2)
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@every_option
def test_backends_agree(name: str, backend: str) -> None:
    model, x = built(name), reals(9, 3, 3)
    given = partial(rb.bptt, model, x, x, half_square, state=state_of(model, 3), chunk=4)
    found, expected = given(backend=backend), given(backend="interpreter")
    assert_close(found, expected)
    np.testing.assert_allclose(found.dx, expected.dx, rtol=0, atol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize("backend", ["numpy", "llvm"])
@pytest.mark.parametrize("name", OWN)
def test_every_schedule_gives_the_same_bits(name: str, backend: str) -> None:
    model, x = built(name, n=19, dtype="float32"), reals(11, 5, 3, dtype="float32")
    given = partial(rb.bptt, model, x, x, half_square, chunk=2, backend=backend)
    cached = given()
    for schedule in SCHEDULES.values():
        assert_same_bits(given(checkpoint=schedule), cached)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("build", [rb.LSTM, rb.GRU, rb.RNN])
def test_normalisation_starts_with_gains_of_1_and_biases_of_0(build: Any, dtype: str) -> None:
    params = build(3, 4, layer_norm=True, dtype=dtype).params
    normed = {name: p for name, p in params.items() if "norm" in name}
    assert {float(p.min()) for name, p in normed.items() if name.startswith("weight")} == {1.0}
    assert {float(abs(p).max()) for name, p in normed.items() if name.startswith("bias")} == {0.0}
    assert {p.dtype for p in params.values()} == {np.dtype(dtype)}
    assert "bias_ih" not in params


def test_bias_init_is_that_of_normalised_sums_and_not_of_the_memory() -> None:
    params = rb.LSTM(3, 4, layer_norm=True, bias_init=0.25, forget_bias=1.0).params
    assert params["bias_norm_hh"].tolist() == [0.25] * 16
    assert params["bias_norm_ih"].tolist() == [0.25] * 4 + [1.25] * 4 + [0.25] * 8
    assert params["bias_norm_c"].tolist() == [0] * 4
    names = list(rb.LSTM(3, 4, layer_norm=True, bias=False).params)
    assert [name for name in names if name.startswith("bias")] == []


def test_first_values_of_factors_of_a_unit() -> None:
    """Those of IndRNN's state are U(0, 1), or as said; those of peepholes U(±1/√n)."""
    u = rb.IndRNN(3, 400, rng=0).params["weight_hh"]
    assert (u.shape, bool(u.min() > 0), bool(0.9 < u.max() < 1)) == ((400,), True, True)
    assert rb.IndRNN(3, 2, recurrent_init=0.5).params["weight_hh"].tolist() == [0.5, 0.5]
    seen = rb.LSTM(3, 100, peepholes=True, rng=0, dtype="float64").params["weight_co"]
    assert 0.09 < seen.max() < 0.1 < 0.19 < np.ptp(seen) < 0.2


def test_forget_bias_of_coupled_gates_keeps_the_memory() -> None:
    """f = σ(b − z) where it would be σ(z + b) of a gate of its own."""
    model = rb.LSTM(3, 4, coupled=True, bias_init="zeros", forget_bias=1000.0)
    assert model.params["bias_ih"].tolist() == [-1000.0] * 4 + [0.0] * 8
    c = reals(2, 4, dtype="float32")
    _, ((_, found),) = rb.predict(model, np.ones((5, 2, 3), "float32"), state=(0 * c, c))
    np.testing.assert_array_equal(found, c)


def test_a_leak_of_1_is_the_plain_network() -> None:
    plain, leaky = rb.RNN(3, 4, rng=0), rb.RNN(3, 4, rng=0, leak=1)
    assert str(rb.explain(leaky)) == str(rb.explain(plain))


def test_gates_of_0_share_the_memory_evenly() -> None:
    """Where f and i are 0 to rounding their quotients are not NaN: f / (f + i) = ½."""
    model = rb.MinLSTM(2, 2, input_init="zeros", bias_init=np.array([-1e3] * 4 + [6.0] * 2))
    y, _ = rb.predict(model, np.zeros((3, 1, 2), "float32"))
    np.testing.assert_array_equal(y[:, 0, 0], [3.0, 4.5, 5.25])


def test_the_positive_form_stays_above_0_and_has_a_slope_of_1_at_0() -> None:
    model = rb.MinGRU(1, 1, positive=True, bias_init="zeros", dtype="float64", rng=0)
    x = reals(50, 3, 1)
    assert rb.predict(model, 10 * x)[0].min() > 0
    found = rb.bptt(model, np.zeros((1, 1, 1)), np.ones((1, 1, 1)), lambda y, dy: (0.0, dy))
    assert found.grads["bias_ih"].tolist() == [0.125, 0.5]  # σ′(0) g(0), σ(0) g′(0)


@pytest.mark.parametrize("build", [rb.MinGRU, rb.MinLSTM])
def test_no_product_of_minimal_cells_is_in_the_loop(build: Any) -> None:
    """Neither are their gates, forward; and backward they are read off after it."""
    text = str(rb.explain(build(3, 4)))
    inside = [line for line in text.splitlines() if line.startswith("  step ")]
    assert [line for line in inside if "W" in line or "σ" in line] == []
    assert [line for line in text.splitlines() if "before  v1 = W0 x" in line]
    assert len(inside) == 4  # h′; its delta, that of m, that of h


REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "two forms": (
        lambda: rb.GRU(3, 4, layer_norm=True, reset_after=False),
        "layer_norm=True goes with reset_after=True alone",
    ),
    "no leak": (lambda: rb.RNN(3, 4, leak=0), r"leak must lie in \(0, inf\), found 0"),
    "too much": (lambda: rb.RNN(3, 4, leak=1.5), r"leak must lie in \(0, 1\], found 1.5"),
    "no features": (lambda: rb.LSTM(3, 4, projection=0), "LSTM: projection"),
    "no bias": (
        lambda: rb.LSTM(3, 4, layer_norm=True, bias=False, forget_bias=1.0),
        "forget_bias=1.0 needs biases",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_go_together_is_refused(case: str) -> None:
    call, said = REFUSED[case]
    with pytest.raises(ValueError, match=said):
        call()


@pytest.mark.parametrize("option", ["layer_norm", "coupled"])
def test_flags_are_flags(option: str) -> None:
    with pytest.raises(TypeError, match=f"LSTM: {option}"):
        rb.LSTM(3, 4, **{option: 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("build", [rb.MinGRU, rb.MinLSTM])
def test_no_initializer_of_weights_that_are_not_there(build: Any) -> None:
    with pytest.raises(TypeError, match="recurrent_init"):
        build(3, 4, recurrent_init="orthogonal")


def test_a_dropout_in_the_middle_renames_no_parameter_where_layers_have_names() -> None:
    def chain(*middle: rb.Layer) -> list[str]:
        layers = rb.LSTM(3, 4, name="a"), *middle, rb.MinGRU(4, 4, name="b")
        return list(rb.Sequential(*layers, rb.Dense(4, 2, name="head")).params)

    assert chain(rb.Dropout(0.1)) == chain()
    assert "b.weight_ih" in chain()
