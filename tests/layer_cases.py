"""Every concrete layer in every option, and how to run one: what the layer tests share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer
from rnnbp.numerics import Array, Shape
from rnnbp.rng import Context


@dataclass(frozen=True)
class Wrong:
    """Inputs that do not fit, and what the message must say of them as well as the layer."""

    shapes: tuple[Shape, ...]
    says: tuple[str, ...]
    forward: bool = True
    """False where only output_shapes can know: a symbol's feature axes look like batch axes."""


@dataclass(frozen=True)
class Case:
    """A layer, the feature shapes of its inputs, and how to draw them."""

    id: str
    build: Callable[[str], Layer]
    shapes: tuple[Shape, ...]
    wrong: Wrong | None
    """None: every shape fits, so only the number of inputs can be wrong."""
    symbols: int = 0
    training: bool = False
    absent: int | None = None
    """The output that nothing depends on: its delta is None."""

    def inputs(self, batch: Shape, dtype: str = "float64", seed: int = 0) -> tuple[Array, ...]:
        rng = np.random.default_rng(seed)
        if self.symbols:
            return (rng.integers(0, self.symbols, batch),)
        return tuple(
            np.asarray(rng.normal(size=(*batch, *shape))).astype(dtype) for shape in self.shapes
        )

    def forward(
        self, layer: Layer, xs: Sequence[Array], *, step: int = 0, length: int | None = None
    ) -> Any:
        if self.training:
            return layer.forward(*xs, context=Context(seed=7, step=step, length=length, place=3))
        return layer.forward(*xs)

    def deltas(self, y: Any, seed: int = 1) -> Any:
        rng = np.random.default_rng(seed)
        drawn = [np.asarray(rng.normal(size=part.shape)).astype(part.dtype) for part in outputs(y)]
        if not isinstance(y, tuple):
            return drawn[0]
        return tuple(None if k == self.absent else d for k, d in enumerate(drawn))


def outputs(y: Any) -> tuple[Array, ...]:
    return y if isinstance(y, tuple) else (y,)


def present(*groups: Any) -> list[Array]:
    """All arrays in tuples, dicts and bare arrays, without the Nones."""
    found: list[Array] = []
    for group in groups:
        if isinstance(group, dict):
            found += present(*group.values())
        elif isinstance(group, (tuple, list)):
            found += present(*group)
        elif group is not None:
            found.append(group)
    return found


def freeze(*groups: Any) -> None:
    for array in present(*groups):
        array.flags.writeable = False


def backward(
    layer: Layer, saved: Any, dy: Any
) -> tuple[tuple[Array | None, ...], dict[str, Array]]:
    return layer.backward_inputs(saved, dy), layer.backward_params(saved, dy)


def as_complex(layer: Layer) -> Layer:
    """A copy of ``layer`` with complex parameters."""
    twin = copy.deepcopy(layer)
    for key, value in twin.params.items():
        twin.params[key] = value.astype(np.complex128)
    return twin


def same_bits(a: Any, b: Any) -> bool:
    if isinstance(a, dict):
        return list(a) == list(b) and same_bits(tuple(a.values()), tuple(b.values()))
    if isinstance(a, tuple):
        return len(a) == len(b) and all(same_bits(p, q) for p, q in zip(a, b, strict=True))
    if a is None or b is None:
        return a is b
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _any_shape(id: str, build: Callable[[], Layer], shape: Shape = (5,), **options: Any) -> Case:
    return Case(id, lambda _: build(), (shape,), None, **options)


def _one(id: str, build: Callable[[str], Layer], shape: Shape, wrong: Shape, *says: str) -> Case:
    return Case(id, build, (shape,), Wrong((wrong,), says))


def _merge(id: str, build: Callable[[], Layer], n: int, shape: Shape = (4,)) -> Case:
    other = (*shape[:-1], shape[-1] + 1)
    shapes = (shape,) * n
    return Case(
        id,
        lambda _: build(),
        shapes,
        Wrong((*shapes[:-1], other), ("one shape", str(shape), str(other))),
    )


ACTIVATIONS = [
    _any_shape("Sigmoid", L.Sigmoid),
    _any_shape("Tanh", L.Tanh),
    _any_shape("Tanh-2axes", L.Tanh, (2, 3)),
    _any_shape("ReLU", L.ReLU),
    _any_shape("LeakyReLU", L.LeakyReLU),
    _any_shape("LeakyReLU-slope", lambda: L.LeakyReLU(0.3)),
    _any_shape("ELU", L.ELU),
    _any_shape("ELU-alpha", lambda: L.ELU(0.7)),
    _any_shape("GELU", L.GELU),
    _any_shape("Softplus", L.Softplus),
    _any_shape("Identity", L.Identity),
    _any_shape("Scale", lambda: L.Scale(-2.0, 0.5)),
    _any_shape("Softmax", L.Softmax),
    _any_shape("Softmax-2axes", L.Softmax, (2, 3)),
    _any_shape("Softmax-one", L.Softmax, (1,)),
    _any_shape("LogSoftmax", L.LogSoftmax),
    _any_shape("LogSoftmax-2axes", L.LogSoftmax, (2, 3)),
    _any_shape("Dropout-eval", lambda: L.Dropout(0.4)),
    _any_shape("Dropout", lambda: L.Dropout(0.4), training=True),
    _any_shape("Dropout-2axes", lambda: L.Dropout(0.4), (2, 3), training=True),
    _any_shape("Dropout-sequence", lambda: L.Dropout(0.4, every_step=False), training=True),
    _any_shape("Dropout-0", lambda: L.Dropout(0.0), training=True),
]

AFFINE = [
    _one(
        "Dense", lambda t: L.Dense(4, 3, dtype=t, rng=1), (4,), (5,), "axis -1", "size 4", "found 5"
    ),
    _one(
        "Dense-no-bias",
        lambda t: L.Dense(4, 3, bias=False, dtype=t, rng=1),
        (4,),
        (5,),
        "axis -1",
        "4",
        "5",
    ),
    _one(
        "Dense-one-of-several",
        lambda t: L.Dense((4,), 3, dtype=t, rng=1),
        (4,),
        (5,),
        "axis -1",
        "4",
        "5",
    ),
    _one(
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
    _merge("Add", L.Add, 2),
    _merge("Add-3", lambda: L.Add(3), 3),
    _merge("Add-2axes", L.Add, 2, (2, 3)),
    _merge("Subtract", L.Subtract, 2),
    _merge("Multiply", L.Multiply, 2),
    _merge("Multiply-3", L.Multiply, 3, (2, 2)),
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
    _one("Split", lambda _: L.Split(2, 3), (5,), (6,), "axis -1", "size 5", "found 6"),
    _one("Split-3", lambda _: L.Split(2, 3, 1), (6,), (5,), "axis -1", "size 6", "found 5"),
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
    _one("Slice", lambda _: L.Slice(5, 1, 4), (5,), (6,), "axis -1", "size 5", "found 6"),
    _one("Slice-all", lambda _: L.Slice(5, 0, 5), (5,), (4,), "axis -1", "size 5", "found 4"),
]


def _conv1d(id: str, kernel: Any, size: int, **options: Any) -> Case:
    def build(dtype: str) -> Layer:
        return L.Conv1D(2, 3, kernel, dtype=dtype, rng=1, **options)

    return _one(f"Conv1D-{id}", build, (2, size), (4, size), "axis -2", "size 2", "found 4")


def _conv2d(id: str, kernel: Any, size: Shape, **options: Any) -> Case:
    def build(dtype: str) -> Layer:
        return L.Conv2D(2, 3, kernel, dtype=dtype, rng=1, **options)

    return _one(f"Conv2D-{id}", build, (2, *size), (4, *size), "axis -3", "size 2", "found 4")


CONVOLUTIONS = [
    _conv1d("plain", 3, 6),
    _conv1d("element", 1, 4),
    _conv1d("whole", 5, 5),
    _conv1d("stride-rest", 3, 8, stride=2),
    _conv1d("stride-gaps", 2, 8, stride=3),
    _conv1d("padding", 3, 5, padding=2, bias_init=0.5),
    _conv1d("dilation", 3, 7, dilation=2, weight_init="he"),
    _conv1d("same-odd", 3, 5, padding="same"),
    _conv1d("same-even", 4, 5, padding="same", dilation=1),
    _conv1d("valid", 2, 4, padding="valid"),
    _conv1d("all", 3, 8, stride=2, padding=1, dilation=2, bias=False),
    _conv2d("plain", 2, (3, 4)),
    _conv2d("pair", (2, 3), (4, 4)),
    _conv2d("stride", (2, 2), (5, 4), stride=(2, 1)),
    _conv2d("padding", (2, 3), (3, 3), padding=(1, 2)),
    _conv2d("dilation", (2, 2), (3, 4), dilation=(1, 2)),
    _conv2d("same", (3, 2), (3, 4), padding="same", dilation=(1, 2)),
    _conv2d("all", (2, 3), (5, 4), stride=(2, 1), padding=(0, 1), dilation=(2, 1), bias=False),
]

SMALL = ("axis -1", "at least")

POOLS = [
    case
    for pool in (L.MaxPool, L.AvgPool)
    for name in [pool.__name__]
    for case in (
        _one(f"{name}-1d", lambda _, pool=pool: pool(2), (2, 6), (2, 1), *SMALL, "2", "found 1"),
        _one(
            f"{name}-1d-no-channels",
            lambda _, pool=pool: pool(2),
            (4,),
            (1,),
            *SMALL,
            "2",
            "found 1",
        ),
        _one(
            f"{name}-1d-rest", lambda _, pool=pool: pool(3), (2, 8), (2, 2), *SMALL, "3", "found 2"
        ),
        _one(
            f"{name}-1d-overlap",
            lambda _, pool=pool: pool(3, 1),
            (2, 6),
            (2, 2),
            *SMALL,
            "3",
            "found 2",
        ),
        _one(f"{name}-1d-padding", lambda _, pool=pool: pool(4, 3, 2), (2, 7), (2, 0), *SMALL[:1]),
        _one(
            f"{name}-2d",
            lambda _, pool=pool: pool((2, 2)),
            (2, 4, 4),
            (2, 4, 1),
            *SMALL,
            "2",
            "found 1",
        ),
        _one(
            f"{name}-2d-gaps",
            lambda _, pool=pool: pool((1, 2), (2, 3)),
            (1, 4, 5),
            (1, 4, 1),
            *SMALL,
            "found 1",
        ),
        _one(
            f"{name}-2d-all",
            lambda _, pool=pool: pool((3, 2), (2, 1), (1, 1)),
            (2, 4, 3),
            (2, 0, 4),
            "axis -2",
            "at least 1",
            "found 0",
        ),
    )
]
# A window of 4 with padding 2 on both sides fits in an axis of any size: only too few axes are wrong.
POOLS = [
    Case(
        c.id, c.build, c.shapes, Wrong(((),), ("at least 1 axes", "found shape ()"), forward=False)
    )
    if c.id.endswith("1d-padding")
    else c
    for c in POOLS
]

SHAPES = [
    _one("Flatten-1", lambda _: L.Flatten(1), (3,), (), "at least 1 axes", "found shape ()"),
    _one("Flatten-2", lambda _: L.Flatten(2), (2, 3), (4,), "at least 2 axes", "found shape (4,)"),
    _one(
        "Flatten-2-of-3",
        lambda _: L.Flatten(),
        (2, 3, 2),
        (4,),
        "at least 2 axes",
        "found shape (4,)",
    ),
    _one(
        "Flatten-3",
        lambda _: L.Flatten(3),
        (2, 3, 2),
        (4, 2),
        "at least 3 axes",
        "found shape (4, 2)",
    ),
    _one(
        "Reshape",
        lambda _: L.Reshape((2, 6), (3, 4)),
        (2, 6),
        (2, 5),
        "axis -1",
        "size 6",
        "found 5",
    ),
    _one(
        "Reshape-split",
        lambda _: L.Reshape(6, (1, 2, 3)),
        (6,),
        (5,),
        "axis -1",
        "size 6",
        "found 5",
    ),
    _one(
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
    _one(
        "LayerNorm", lambda t: L.LayerNorm(5, dtype=t), (5,), (6,), "axis -1", "size 5", "found 6"
    ),
    _one(
        "LayerNorm-eps", lambda t: L.LayerNorm(5, eps=0.1, dtype=t), (5,), (6,), "axis -1", "5", "6"
    ),
    _one(
        "LayerNorm-2axes",
        lambda t: L.LayerNorm((2, 3), dtype=t),
        (2, 3),
        (4, 3),
        "axis -2",
        "size 2",
        "found 4",
    ),
    _one(
        "LayerNorm-no-weight",
        lambda t: L.LayerNorm(5, weight=False, dtype=t),
        (5,),
        (6,),
        "axis -1",
        "5",
        "6",
    ),
    _one(
        "LayerNorm-no-bias",
        lambda t: L.LayerNorm(5, bias=False, dtype=t),
        (5,),
        (6,),
        "axis -1",
        "5",
        "6",
    ),
    _one(
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
