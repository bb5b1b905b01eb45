"""Every concrete layer in every option."""

from __future__ import annotations

import numpy as np

from rnnbp import layers as L  # noqa: N812
from tests.arithmetic_cases import ARITHMETIC
from tests.convolution_cases import CONVOLUTIONS, POOLS
from tests.layer_case import Case, Wrong, in_any_shape, merging, of_one
from tests.matrix_cases import MATRICES

ACTIVATIONS = [
    in_any_shape("Sigmoid", L.Sigmoid),
    in_any_shape("Tanh", L.Tanh),
    in_any_shape("Tanh-2axes", L.Tanh, (2, 3)),
    in_any_shape("ReLU", L.ReLU),
    in_any_shape("LeakyReLU", L.LeakyReLU),
    in_any_shape("LeakyReLU-slope", lambda: L.LeakyReLU(0.3)),
    in_any_shape("ELU", L.ELU),
    in_any_shape("ELU-alpha", lambda: L.ELU(0.7)),
    in_any_shape("GELU", L.GELU),
    in_any_shape("Softplus", L.Softplus),
    in_any_shape("Identity", L.Identity),
    in_any_shape("Penalty", lambda: L.Penalty(l1=0.5, l2=2)),
    in_any_shape("Exp", L.Exp),
    in_any_shape("Exp-2axes", L.Exp, (2, 3)),
    in_any_shape("Log", L.Log, above=0.2),
    in_any_shape("Sqrt", L.Sqrt, above=0.2),
    in_any_shape("Square", L.Square),
    in_any_shape("Reciprocal", L.Reciprocal, above=0.2),
    in_any_shape("Abs", L.Abs),
    in_any_shape("Clip", lambda: L.Clip(-0.5, 0.7)),
    in_any_shape("Clip-low", lambda: L.Clip(0.25)),
    in_any_shape("Clip-high", lambda: L.Clip(high=0.25)),
    in_any_shape("Sum", L.Sum),
    in_any_shape("Sum-2axes", L.Sum, (2, 3)),
    in_any_shape("Sum-3axes", L.Sum, (2, 2, 3)),
    in_any_shape("Sum-one", L.Sum, (1,)),
    in_any_shape("Mean", L.Mean),
    in_any_shape("Mean-2axes", L.Mean, (3, 2)),
    in_any_shape("Scale", lambda: L.Scale(-2.0, 0.5)),
    in_any_shape("Scale-arrays", lambda: L.Scale(np.arange(5) - 2.5, np.arange(5) * 0.5)),
    in_any_shape("Scale-array", lambda: L.Scale(np.array([[1.5, 0, -1]]), 0.5), (2, 3)),
    in_any_shape("Scale-shift", lambda: L.Scale(shift=np.array([[1.5], [2.0]])), (2, 3)),
    in_any_shape("Softmax", L.Softmax),
    in_any_shape("Softmax-2axes", L.Softmax, (2, 3)),
    in_any_shape("Softmax-one", L.Softmax, (1,)),
    in_any_shape("LogSoftmax", L.LogSoftmax),
    in_any_shape("LogSoftmax-2axes", L.LogSoftmax, (2, 3)),
    in_any_shape("Dropout-eval", lambda: L.Dropout(0.4)),
    in_any_shape("Dropout", lambda: L.Dropout(0.4), training=True),
    in_any_shape("Dropout-2axes", lambda: L.Dropout(0.4), (2, 3), training=True),
    in_any_shape("Dropout-sequence", lambda: L.Dropout(0.4, every_step=False), training=True),
    in_any_shape("Dropout-per", lambda: L.Dropout(0.4, per="sequence"), training=True),
    in_any_shape("Dropout-0", lambda: L.Dropout(0.0), training=True),
    in_any_shape("GaussianNoise-eval", lambda: L.GaussianNoise(0.3)),
    in_any_shape("GaussianNoise", lambda: L.GaussianNoise(0.3), (2, 3), training=True),
    in_any_shape(
        "GaussianNoise-sequence", lambda: L.GaussianNoise(2.0, per="sequence"), training=True
    ),
    in_any_shape("GaussianNoise-0", lambda: L.GaussianNoise(0.0), training=True),
]

AFFINE = [
    of_one(
        "Dense", lambda t: L.Dense(4, 3, dtype=t, rng=1), (4,), (5,), "axis -1", "size 4", "found 5"
    ),
    of_one(
        "Dense-no-bias",
        lambda t: L.Dense(4, 3, bias=False, dtype=t, rng=1),
        (4,),
        (5,),
        "axis -1",
        "4",
        "5",
    ),
    of_one(
        "Dense-one-of-several",
        lambda t: L.Dense((4,), 3, dtype=t, rng=1),
        (4,),
        (5,),
        "axis -1",
        "4",
        "5",
    ),
    of_one(
        "Dense-1-1",
        lambda t: L.Dense(1, 1, dtype=t, rng=1),
        (1,),
        (2,),
        "axis -1",
        "size 1",
        "found 2",
    ),
    Case(
        "Dense-several",
        lambda t: L.Dense((4, 2), 3, weight_init="glorot", bias_init=0.5, dtype=t, rng=1),
        ((4,), (2,)),
        Wrong(((4,), (3,)), ("input 1", "axis -1", "size 2", "found 3")),
    ),
    Case(
        "Dense-several-no-bias",
        lambda t: L.Dense((4, 2, 1), 3, bias=False, dtype=t, rng=1),
        ((4,), (2,), (1,)),
        Wrong(((3,), (2,), (1,)), ("input 0", "axis -1", "size 4", "found 3")),
    ),
]

MERGES = [
    merging("Add", L.Add, 2),
    merging("Add-3", lambda: L.Add(3), 3),
    merging("Add-2axes", L.Add, 2, (2, 3)),
    merging("Subtract", L.Subtract, 2),
    merging("Multiply", L.Multiply, 2),
    merging("Multiply-3", L.Multiply, 3, (2, 2)),
    *ARITHMETIC,
    *MATRICES,
    Case(
        "Concat",
        lambda _: L.Concat(2, 3),
        ((2,), (3,)),
        Wrong(((2,), (4,)), ("input 1", "axis -1", "size 3", "found 4")),
    ),
    Case(
        "Concat-3",
        lambda _: L.Concat(2, 3, 1),
        ((2,), (3,), (1,)),
        Wrong(((5,), (3,), (1,)), ("input 0", "axis -1", "size 2", "found 5")),
    ),
    merging("Zoneout-eval", lambda: L.Zoneout(0.2), 2),
    merging("Zoneout", lambda: L.Zoneout(0.4), 2, (2, 3), training=True),
    merging("Zoneout-sequence", lambda: L.Zoneout(0.4, per="sequence"), 2, training=True),
    merging("Zoneout-0", lambda: L.Zoneout(0.0), 2, training=True),
    of_one("Split", lambda _: L.Split(2, 3), (5,), (6,), "axis -1", "size 5", "found 6"),
    of_one("Split-3", lambda _: L.Split(2, 3, 1), (6,), (5,), "axis -1", "size 6", "found 5"),
    *(
        Case(
            f"Split-without-{k}",
            lambda _: L.Split(2, 3),
            ((5,),),
            Wrong(((4,),), ("axis -1", "size 5", "found 4")),
            absent=k,
        )
        for k in (0, 1)
    ),
    of_one("Slice", lambda _: L.Slice(5, 1, 4), (5,), (6,), "axis -1", "size 5", "found 6"),
    of_one("Slice-all", lambda _: L.Slice(5, 0, 5), (5,), (4,), "axis -1", "size 5", "found 4"),
]


SHAPES = [
    of_one("Flatten-1", lambda _: L.Flatten(1), (3,), (), "at least 1 axes", "found shape ()"),
    of_one(
        "Flatten-2", lambda _: L.Flatten(2), (2, 3), (4,), "at least 2 axes", "found shape (4,)"
    ),
    of_one(
        "Flatten-2-of-3",
        lambda _: L.Flatten(),
        (2, 3, 2),
        (4,),
        "at least 2 axes",
        "found shape (4,)",
    ),
    of_one(
        "Flatten-3",
        lambda _: L.Flatten(3),
        (2, 3, 2),
        (4, 2),
        "at least 3 axes",
        "found shape (4, 2)",
    ),
    of_one(
        "Reshape",
        lambda _: L.Reshape((2, 6), (3, 4)),
        (2, 6),
        (2, 5),
        "axis -1",
        "size 6",
        "found 5",
    ),
    of_one(
        "Reshape-split",
        lambda _: L.Reshape(6, (1, 2, 3)),
        (6,),
        (5,),
        "axis -1",
        "size 6",
        "found 5",
    ),
    of_one(
        "Reshape-join",
        lambda _: L.Reshape((2, 3), 6),
        (2, 3),
        (3, 3),
        "axis -2",
        "size 2",
        "found 3",
    ),
]

NORMS = [
    of_one("Gain", lambda t: L.Gain(5, dtype=t), (5,), (6,), "axis -1", "size 5", "found 6"),
    of_one(
        "LayerNorm", lambda t: L.LayerNorm(5, dtype=t), (5,), (6,), "axis -1", "size 5", "found 6"
    ),
    of_one(
        "LayerNorm-eps", lambda t: L.LayerNorm(5, eps=0.1, dtype=t), (5,), (6,), "axis -1", "5", "6"
    ),
    of_one(
        "LayerNorm-2axes",
        lambda t: L.LayerNorm((2, 3), dtype=t),
        (2, 3),
        (4, 3),
        "axis -2",
        "size 2",
        "found 4",
    ),
    of_one(
        "LayerNorm-no-weight",
        lambda t: L.LayerNorm(5, weight=False, dtype=t),
        (5,),
        (6,),
        "axis -1",
        "5",
        "6",
    ),
    of_one(
        "LayerNorm-no-bias",
        lambda t: L.LayerNorm(5, bias=False, dtype=t),
        (5,),
        (6,),
        "axis -1",
        "5",
        "6",
    ),
    of_one(
        "LayerNorm-bare",
        lambda t: L.LayerNorm(5, weight=False, bias=False, dtype=t),
        (5,),
        (6,),
        "axis -1",
        "size 5",
        "found 6",
    ),
]

NO_AXES = Wrong(((3,),), ("no feature axes", "found feature shape (3,)"), forward=False)

SYMBOLS = [
    Case("Embedding", lambda t: L.Embedding(5, 3, dtype=t, rng=1), ((),), NO_AXES, symbols=5),
    Case(
        "Embedding-init",
        lambda t: L.Embedding(4, 1, weight_init=0.1, dtype=t),
        ((),),
        NO_AXES,
        symbols=4,
    ),
    Case("OneHot", lambda t: L.OneHot(4, dtype=t), ((),), NO_AXES, symbols=4),
]

CASES: list[Case] = [
    *ACTIVATIONS,
    *AFFINE,
    *MERGES,
    *CONVOLUTIONS,
    *POOLS,
    *SHAPES,
    *NORMS,
    *SYMBOLS,
]
