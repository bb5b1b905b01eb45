"""Gradients that an optimiser cannot use: refused before anything changes."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rnnbp import optim
from rnnbp.numerics import DtypeError, ShapeError
from tests.optimizers import CASES, IDS, SHAPES, every_case, gradients, parameters

BAD_GRADIENTS = [
    (
        lambda g: g["1.scale"].fill(np.nan),
        FloatingPointError,
        "the gradient of '1.scale' has nan at []",
    ),
    (
        lambda g: g["0.weight"].put(7, -np.inf),
        FloatingPointError,
        "the gradient of '0.weight' has -inf at [2, 1]",
    ),
    (lambda g: g.pop("0.bias"), ValueError, "the gradient of '0.bias' is missing"),
    (lambda g: g.update(extra=np.ones(2)), ValueError, "no parameter is called 'extra'"),
    (
        lambda g: g.update({"1.scale": np.ones(1)}),
        ShapeError,
        "gradient of '1.scale' must have shape (), found (1,)",
    ),
    (
        lambda g: g.update({"1.scale": np.ones((), int)}),
        DtypeError,
        "the gradient of '1.scale' must be floats, found",
    ),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_GRADIENTS)
@every_case
def test_bad_gradients_leave_everything_as_it_was(cls, options, change, error, message):
    params = parameters()
    optimizer = cls(params, learning_rate=0.1, **options)
    optimizer.step(gradients(0))
    before, state, bad = (
        {n: p.copy() for n, p in params.items()},
        optimizer.state_dict(),
        gradients(1),
    )
    change(bad)
    with pytest.raises(error, match=re.escape(message)):
        optimizer.step(bad)
    assert all(np.array_equal(params[name], before[name]) for name in SHAPES)
    assert all(np.array_equal(x, state[key]) for key, x in optimizer.state_dict().items())


@every_case
def test_a_read_only_parameter_is_named_before_any_changes(cls, options):
    params = parameters()
    optimizer = cls(params, learning_rate=0.1, **options)
    params["1.scale"].flags.writeable = False
    with pytest.raises(
        ValueError, match=rf"{cls.__name__}: parameter '1\.scale' is read-only; set its flags"
    ):
        optimizer.step(gradients(0))
    assert all(np.array_equal(p, parameters()[name]) for name, p in params.items())
    assert optimizer.steps == 0


@pytest.mark.parametrize(("value", "dtype"), [(1e300, np.float64), (3e38, np.float32)])
def test_huge_finite_gradients_are_not_taken_for_infinite(value, dtype):
    p = np.zeros(9, dtype)
    optim.SGD({"p": p}, learning_rate=0.5).step({"p": np.full(9, value, dtype)})
    assert np.array_equal(p, np.full(9, -value, dtype) * dtype(0.5))


SQUARING = [case for case in CASES if case[0] is not optim.SGD]


@pytest.mark.parametrize(
    ("dtype", "huge"), [(np.float32, 1e19), (np.float32, 3e38), (np.float64, 1e154)]
)
@pytest.mark.parametrize(("cls", "options"), SQUARING, ids=IDS[len(CASES) - len(SQUARING) :])
def test_a_gradient_too_large_to_square_is_refused_and_nothing_changes(cls, options, dtype, huge):
    params = parameters(dtype)
    optimizer = cls(params, learning_rate=0.1, **options)
    optimizer.step(gradients(0, dtype))
    before, state, bad = (
        {n: p.copy() for n, p in params.items()},
        optimizer.state_dict(),
        gradients(1, dtype),
    )
    bad["1.scale"].fill(-huge)
    with pytest.raises(
        FloatingPointError, match=rf"{cls.__name__}: the gradient of '1\.scale' has size .*; clip"
    ):
        optimizer.step(bad)
    assert all(np.array_equal(params[name], before[name]) for name in SHAPES)
    assert all(np.array_equal(x, state[key]) for key, x in optimizer.state_dict().items())
    bad["1.scale"].fill(huge * 1e-2 if huge < 1e38 else 1e18)
    optimizer.step(bad)
    assert all(np.isfinite(x).all() for x in (*params.values(), *optimizer.state_dict().values()))


def test_a_penalty_counts_in_the_size_of_a_gradient():
    p = np.full(2, 1e20, np.float32)
    with pytest.raises(FloatingPointError, match="the gradient of 'p' has size 1e\\+19"):
        optim.Adam({"p": p}, weight_decay=0.1).step({"p": np.zeros(2, np.float32)})
    optim.AdamW({"p": p}, weight_decay=0.1).step({"p": np.zeros(2, np.float32)})


def test_adagrad_stops_before_its_sum_overflows():
    optimizer, grads = (
        optim.Adagrad({"p": np.zeros(1, np.float32)}),
        {"p": np.full(1, 9e18, np.float32)},
    )
    optimizer.step(grads)
    optimizer.step(grads)
    with pytest.raises(FloatingPointError, match="Adagrad: the gradient of 'p' has size"):
        optimizer.step(grads)
    assert optimizer.steps == 2
    assert np.isfinite(optimizer.state_dict()["adagrad.sum/p"]).all()


def test_an_overflow_in_one_parameter_does_not_stop_between_two():
    params = {"a": np.ones(1, np.float32), "b": np.ones(1, np.float32)}
    optim.SGD(params, learning_rate=10.0).step(
        {"a": np.full(1, 3e38, np.float32), "b": np.full(1, 0.1, np.float32)}
    )
    assert params["a"][0] == -np.inf
    assert params["b"][0] == 0
