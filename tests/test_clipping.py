"""Clipping of gradients: by value, and by the norm of all together."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnbp import optim
from rnnbp.numerics import DtypeError


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_value(dtype):
    grads = {"a": np.array([-3.0, -1.0, 0.5, 2.0], dtype), "b": np.array(1.5, dtype)}
    a = grads["a"]
    optim.clip_value(grads, 1.0)
    assert np.array_equal(a, [-1.0, -1.0, 0.5, 1.0])
    assert grads["b"] == 1.0


@pytest.mark.quick
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("max_norm", "a", "b"),
    [(6.5, [1.5, 2.0], 6.0), (13.0, [3.0, 4.0], 12.0), (20.0, [3.0, 4.0], 12.0)],
)
def test_clip_norm(max_norm, a, b, dtype):
    grads = {"a": np.array([[3.0, 4.0]], dtype), "b": np.array(12.0, dtype)}
    first = grads["a"]
    assert optim.clip_norm(grads, max_norm) == 13.0
    assert np.array_equal(first, [a])
    assert grads["b"] == b


@pytest.mark.parametrize(
    ("value", "dtype"), [(1e30, np.float32), (1e200, np.float64), (1e-30, np.float32)]
)
def test_the_global_norm_neither_overflows_nor_vanishes(value, dtype):
    grads = {"a": np.full(4, value, dtype)}
    assert optim.clip_norm(grads, 1e-3) == pytest.approx(2 * value, rel=1e-6)
    np.testing.assert_allclose(grads["a"], min(value, 5e-4), rtol=1e-6)


def test_the_norm_of_many_float32_is_summed_in_float64():
    grads = {"a": np.full(1_000_003, 0.1, np.float32)}
    wanted = float(np.float32(0.1)) * math.sqrt(1_000_003)
    assert optim.clip_norm(grads, 1e9) == pytest.approx(wanted, rel=1e-12)


@pytest.mark.parametrize("again", [lambda g: g, lambda g: g[:], lambda g: g.view()])
def test_an_array_under_two_names_is_clipped_once(again):
    g = np.array([3.0, 4.0])
    assert optim.clip_norm({"a": g, "b": again(g)}, 2.5) == 5.0
    assert np.array_equal(g, [1.5, 2.0])


@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
@pytest.mark.parametrize("dtype", [int, complex, np.longdouble])
def test_clipping_names_a_gradient_of_another_dtype(clip, dtype):
    grads = {"a": np.array([3.0]), "b": np.ones(1, dtype)}
    with pytest.raises(
        DtypeError, match=rf"{clip.__name__}: gradient 'b' must be float32 or float64, found dtype"
    ):
        clip(grads, 1.0)
    assert grads["a"][0] == 3.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
def test_clipping_refuses_gradients_that_are_not_finite(clip, bad):
    grads = {"a": np.array([3.0, 4.0]), "0.weight_ih": np.array([0.0, bad])}
    with pytest.raises(
        FloatingPointError, match=rf"{clip.__name__}: gradient '0\.weight_ih' has {bad} at \[1\]"
    ):
        clip(grads, 1.0)
    assert np.array_equal(grads["a"], [3.0, 4.0])


@pytest.mark.parametrize("clip", [optim.clip_value, optim.clip_norm])
def test_clipping_names_a_read_only_gradient(clip):
    grads = {"a": np.array([3.0]), "b": np.array([4.0])}
    grads["b"].flags.writeable = False
    with pytest.raises(
        ValueError, match="gradient 'b' is read-only and is clipped in place; give a copy"
    ):
        clip(grads, 1.0)
    assert grads["a"][0] == 3.0
