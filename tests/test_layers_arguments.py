"""Arguments of layers: what is refused, NumPy numbers, reprs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer
from rnnbp.numerics import DtypeError

CONSTRUCTORS: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: L.Dense(0, 3), ValueError, "Dense: n_in must be at least 1, found 0"),
    (lambda: L.Dense(3, 2.0), TypeError, "Dense: n_out must be an integer, found 2.0"),
    (lambda: L.Dense((), 3), ValueError, "Dense: n_in is empty"),
    (lambda: L.Dense(2, 3, dtype="float16"), DtypeError, "float32 or float64, found dtype float16"),
    (
        lambda: L.Dense(2, 3, weight_init="norml"),
        ValueError,
        "initializer 'norml' is unknown, for normal numbers .*; use one of",
    ),
    (lambda: L.Conv1D(0, 3, 2), ValueError, "Conv1D: n_in must be at least 1"),
    (lambda: L.Conv2D(1, 0, 2), ValueError, "Conv2D: n_out must be at least 1"),
    (
        lambda: L.Conv2D(1, 1, (2, 2, 2)),
        ValueError,
        r"Conv2D: kernel needs one number, or 2.*found \(2, 2, 2\)",
    ),
    (
        lambda: L.Conv1D(1, 1, 0),
        ValueError,
        "Conv1D: kernel must be at least 1 along every axis, found 0",
    ),
    (lambda: L.Conv1D(1, 1, 2, stride=0), ValueError, "Conv1D: stride must be at least 1"),
    (
        lambda: L.Conv1D(1, 1, 2, dilation=1.5),
        TypeError,
        "Conv1D: dilation must be a whole number.*found 1.5",
    ),
    (lambda: L.Conv1D(1, 1, 2, padding=-1), ValueError, "Conv1D: padding must be at least 0"),
    (
        lambda: L.Conv1D(1, 1, 2, padding="full"),
        ValueError,
        "padding 'full' is unknown; use 'same', 'valid'",
    ),
    (
        lambda: L.Conv2D(1, 1, 2, stride=(1, 2), padding="same"),
        ValueError,
        "'same' needs stride 1, found",
    ),
    (lambda: L.Conv2D(1, 1, 2, dtype=int), DtypeError, "float32 or float64"),
    (lambda: L.MaxPool((2, 2, 2)), ValueError, "MaxPool: kernel has one axis or two"),
    (
        lambda: L.MaxPool(3, 1, 2),
        ValueError,
        "MaxPool: padding must be at most half the kernel 3, found 2",
    ),
    (lambda: L.AvgPool((2, 2), (1,)), ValueError, "AvgPool: stride needs one number, or 2"),
    (lambda: L.Flatten(0), ValueError, "Flatten: n_axes must be at least 1"),
    (
        lambda: L.Reshape((2, 3), 5),
        ValueError,
        r"from_shape \(2, 3\) has 6 elements, to_shape \(5,\) has 5",
    ),
    (lambda: L.Reshape((), 5), ValueError, "Reshape: from_shape is empty"),
    (lambda: L.LayerNorm(0), ValueError, "LayerNorm: shape must be at least 1"),
    (
        lambda: L.LayerNorm(3, eps=0),
        ValueError,
        r"LayerNorm: eps must lie in \(0, inf\), found 0; 1e-5 is usual",
    ),
    (
        lambda: L.LayerNorm(3, weight=False, bias=False, dtype="int8"),
        DtypeError,
        "found dtype int8",
    ),
    (lambda: L.Embedding(0, 3), ValueError, "Embedding: n_symbols must be at least 1"),
    (lambda: L.Embedding(3, -1), ValueError, "Embedding: n_out must be at least 1"),
    (lambda: L.OneHot(3, dtype="int64"), DtypeError, "found dtype int64"),
    (lambda: L.OneHot(True), TypeError, "OneHot: n_symbols must be an integer, found True"),
    (lambda: L.Dropout(1.0), ValueError, r"Dropout: p must lie in \[0, 1\), found 1.0"),
    (lambda: L.Dropout(-0.1), ValueError, r"found -0.1"),
    (lambda: L.Dropout(float("nan")), ValueError, r"found nan"),
    (
        lambda: L.LeakyReLU(0.0),
        ValueError,
        r"LeakyReLU: slope must lie in \(0, inf\), found 0.0; for slope 0 use ReLU",
    ),
    (lambda: L.ELU(-1.0), ValueError, r"ELU: alpha must lie in \(0, inf\), found -1.0"),
    (lambda: L.Scale(math.inf), ValueError, r"Scale: scale must lie in \(-inf, inf\), found inf"),
    (lambda: L.Add(1), ValueError, "Add: n_inputs must be at least 2, found 1"),
    (
        lambda: L.Dropout("0.5"),
        TypeError,
        r"Dropout: p must be a number and lie in \[0, 1\), found '0.5'; p is the",
    ),
    (lambda: L.Dropout(True), TypeError, r"Dropout: p must be a number .*, found True"),
    (
        lambda: L.Dropout(0.5, every_step="no"),
        TypeError,
        "Dropout: every_step must be True or False, found 'no'",
    ),
    (
        lambda: L.LayerNorm(3, eps="x"),
        TypeError,
        "LayerNorm: eps must be a number .*, found 'x'; 1e-5 is usual",
    ),
    (lambda: L.LayerNorm(3, eps=math.inf), ValueError, "LayerNorm: eps must lie in .*, found inf"),
    (
        lambda: L.LayerNorm(3, bias="no"),
        TypeError,
        "LayerNorm: bias must be True or False, found 'no'",
    ),
    (
        lambda: L.LayerNorm(3, weight=None),
        TypeError,
        "LayerNorm: weight must be True or False, found None",
    ),
    (lambda: L.LeakyReLU("a"), TypeError, "LeakyReLU: slope must be a number .*, found 'a'"),
    (lambda: L.LeakyReLU(math.nan), ValueError, "LeakyReLU: slope must lie in .*, found nan"),
    (lambda: L.ELU([1.0]), TypeError, r"ELU: alpha must be a number .*, found \[1.0\]"),
    (lambda: L.ELU(math.inf), ValueError, "ELU: alpha must lie in .*, found inf"),
    (lambda: L.Scale(1, "b"), TypeError, "Scale: shift must be a number .*, found 'b'"),
    (
        lambda: L.Scale(10**400),
        ValueError,
        "Scale: scale must lie in .*, found 1000.*, of type int",
    ),
    (lambda: L.Dense(2, 2, bias="no"), TypeError, "Dense: bias must be True or False, found 'no'"),
    (
        lambda: L.Conv2D(1, 2, 2, bias=None),
        TypeError,
        "Conv2D: bias must be True or False, found None",
    ),
    (
        lambda: L.Conv1D(1, 2, 2, rng=1.5),
        TypeError,
        "Conv1D: rng must be a seed from 0, .*, found 1.5",
    ),
    (
        lambda: L.Embedding(3, 2, rng="a"),
        TypeError,
        "Embedding: rng must be a seed from 0, .*, found 'a'",
    ),
    (
        lambda: L.Embedding(3, 2, weight_init={1: 2}),
        TypeError,
        r"Embedding: weight: an initializer is .*\{1: 2\}",
    ),
    (lambda: L.OneHot(3, dtype="complex64"), DtypeError, "found dtype complex64"),
    (lambda: L.Slice(4, "a", 2), TypeError, "Slice: start must be an integer, found 'a'"),
    (
        lambda: L.Concat(3),
        ValueError,
        r"Concat: give the size of each input, of two or more, as Concat\(2, 3\)",
    ),
    (lambda: L.Split(3), ValueError, "Split: give the size of each output, at least 2"),
    (lambda: L.Slice(4, 2, 2), ValueError, "Slice: needs 0 ≤ start < stop"),
]


@pytest.mark.parametrize(
    ("build", "error", "says"), CONSTRUCTORS, ids=[case[2][:40] for case in CONSTRUCTORS]
)
def test_arguments_that_do_not_fit(
    build: Callable[[], Any], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        build()


NAMED = [
    L.LeakyReLU(np.float64(0.1)),
    L.ELU(np.float64(0.5)),
    L.Scale(np.float64(2), np.float64(1)),
]


@pytest.mark.parametrize("layer", NAMED, ids=str)
def test_numpy_numbers_as_arguments_do_not_widen(layer: Layer) -> None:
    y, saved = layer.forward(np.array([-1, 1], "float32"))
    assert y.dtype == np.float32
    assert layer.backward_inputs(saved, np.ones_like(y))[0].dtype == np.float32


REPRS = [
    (L.Conv2D(1, 2, 3), "Conv2D(1, 2, 3)"),
    (
        L.Conv2D(1, 2, (2, 3), padding="same", bias=False),
        "Conv2D(1, 2, (2, 3), padding=((0, 1), 1), bias=False)",
    ),
    (
        L.Conv1D(1, 2, 3, stride=2, padding=1, dilation=2),
        "Conv1D(1, 2, 3, stride=2, padding=1, dilation=2)",
    ),
    (L.MaxPool(2), "MaxPool(2, 2, 0)"),
    (L.AvgPool((2, 3), 1), "AvgPool((2, 3), (1, 1), (0, 0))"),
    (L.Flatten(2), "Flatten(2)"),
    (L.Reshape(6, (2, 3)), "Reshape((6,), (2, 3))"),
    (L.LayerNorm(4, bias=False), "LayerNorm(4, bias=False)"),
    (L.LayerNorm((2, 3)), "LayerNorm((2, 3))"),
    (L.Embedding(5, 3), "Embedding(5, 3)"),
    (L.OneHot(4), "OneHot(4)"),
    (L.Dropout(0.3, every_step=False), "Dropout(0.3, per='sequence')"),
    (L.GaussianNoise(0.3, per="sequence"), "GaussianNoise(0.3, per='sequence')"),
    (L.Zoneout(0.1), "Zoneout(0.1)"),
]


@pytest.mark.parametrize(("layer", "shown"), REPRS, ids=[shown for _, shown in REPRS])
def test_repr_shows_the_arguments(layer: Layer, shown: str) -> None:
    assert repr(layer) == shown
