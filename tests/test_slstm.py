"""SLSTM: its stabiliser changes nothing, and nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.cell_equations import affine, sigmoid
from tests.helpers import reals
from tests.programs import half_square

FORGET = {"sigmoid": sigmoid, "exp": np.exp}


def built(forget: str, dtype: str = "float64", scale: float = 1.0) -> rb.Recurrent:
    model = rb.SLSTM(3, 4, forget=forget, dtype=dtype, rng=0)
    for k, array in enumerate(model.params.values()):
        array[...] = scale * reals(*array.shape, seed=k)
    return model


def plain(p: Any, x: np.ndarray, forget: str) -> np.ndarray:
    """The outputs by the equations without a stabiliser, which overflow."""
    h = c = s = np.zeros((x.shape[1], 4), x.dtype)
    ys = []
    for x_t in x:
        i, f, z, o = np.split(affine(p, "ih", x_t) + affine(p, "hh", h), 4, axis=-1)
        c = FORGET[forget](f) * c + np.exp(i) * np.tanh(z)
        s = FORGET[forget](f) * s + np.exp(i)
        h = sigmoid(o) * c / s
        ys.append(h)
    return np.array(ys)


@pytest.mark.parametrize("forget", FORGET)
def test_outputs_are_those_without_a_stabiliser(forget: str) -> None:
    model, x = built(forget), reals(9, 2, 3)
    y, _ = rb.predict(model, x, chunk=2)
    np.testing.assert_allclose(y, plain(model.params, x, forget), rtol=1e-12, atol=1e-14)


@pytest.mark.quick
@pytest.mark.parametrize("forget", FORGET)
def test_gradients_are_those_without_a_stabiliser(forget: str) -> None:
    """Complex steps of the equations without one, by x at every t and by each parameter."""
    model, x, step = built(forget), reals(6, 2, 3), 1e-30
    found = rb.bptt(model, x, x, half_square, chunk=4)

    def slope(p: Any, x: np.ndarray) -> float:
        return float((plain(p, x, forget) ** 2).sum().imag / 2 / step)

    for name, array in model.params.items():
        expected = np.zeros(array.shape)
        for place in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[place] += 1j * step
            expected[place] = slope({**model.params, name: moved}, x)
        np.testing.assert_allclose(found.grads[name], expected, rtol=1e-11, atol=1e-13)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1j * step
        assert found.dx is not None
        np.testing.assert_allclose(found.dx[place], slope(model.params, moved), atol=1e-12)


@pytest.mark.parametrize("backend", ["interpreter", "numpy", "llvm"])
@pytest.mark.parametrize("forget", FORGET)
def test_large_gates_do_not_overflow(forget: str, backend: str) -> None:
    """Gates of ±1000 in float32, where exp overflows beyond 88 and is 0 below −104."""
    x = 100 * reals(30, 4, 3)
    x32, how = x.astype("float32"), {"backend": backend, "chunk": 7, "return_y": True}
    exact = rb.bptt(built(forget, scale=3.0), x, x, half_square, **how)
    found = rb.bptt(built(forget, "float32", 3.0), x32, x32, half_square, **how)
    (state,) = found.state
    assert (state[2] >= 1).all()
    arrays = (*state, found.dx, *found.grads.values())
    assert all(np.isfinite(array).all() for array in arrays if array is not None)
    np.testing.assert_allclose(found.y, exact.y, atol=2e-2)  # gates are rounded to 1e-4


@pytest.mark.parametrize("gate", [-300.0, 0.0, 300.0])
def test_the_first_step_takes_all_of_its_input(gate: float) -> None:
    """h = σ(o) tanh(z), whatever i is, and m is the logarithm of i."""
    model = rb.SLSTM(3, 4, rng=0)
    model.params["bias_ih"][:4] = gate
    x = reals(1, 2, 3, dtype="float32")
    y, ((_, _, s, m),) = rb.predict(model, x)
    i, _, z, o = np.split(affine(model.params, "ih", x[0]) + model.params["bias_hh"], 4, axis=-1)
    np.testing.assert_allclose(y[0], sigmoid(o) * np.tanh(z), rtol=1e-5)
    np.testing.assert_array_equal(s, np.ones_like(s))
    np.testing.assert_allclose(m, i, rtol=1e-5)


def test_a_sequence_goes_on_from_its_state() -> None:
    model, x = built("exp"), reals(9, 2, 3)
    whole, _ = rb.predict(model, x)
    first, state = rb.predict(model, x[:4])
    second, _ = rb.predict(model, x[4:], state=state)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)


@pytest.mark.long
def test_gradients_reach_a_state_that_was_handed_on() -> None:
    model, x = built("sigmoid"), reals(9, 2, 3)
    _, state = rb.predict(model, x)
    found = rb.check_grads(model, x, state=state)
    assert {name for name in found.errors if name.startswith("state")} == {
        f"state 0 {name}" for name in "hcsm"
    }
    assert found.worst <= 1e-12


def test_what_it_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="the sums begin at 0"):
        rb.SLSTM(3, 4, initial="learned")
    with pytest.raises(ValueError, match="forget is 'sigmoid' or 'exp', found 'tanh'"):
        rb.SLSTM(3, 4, forget="tanh")
    assert rb.SLSTM(3, 4, forget_bias=2.0, bias_init="zeros").params["bias_ih"].tolist() == [
        *[0.0] * 4, *[2.0] * 4, *[0.0] * 8,
    ]  # fmt: skip
