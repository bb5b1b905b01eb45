"""A layer in one of its options, and how to run it: what the layer tests share."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
    above: float | None = None
    """Inputs lie above this number, for a layer that is not defined everywhere."""

    def inputs(self, batch: Shape, dtype: str = "float64", seed: int = 0) -> tuple[Array, ...]:
        rng = np.random.default_rng(seed)
        if self.symbols:
            return (rng.integers(0, self.symbols, batch),)
        drawn = [np.asarray(rng.normal(size=(*batch, *shape))) for shape in self.shapes]
        if self.above is not None:
            drawn = [self.above + np.abs(x) for x in drawn]
        return tuple(x.astype(dtype) for x in drawn)

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
    return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())


def in_any_shape(id: str, build: Callable[[], Layer], shape: Shape = (5,), **options: Any) -> Case:
    return Case(id, lambda _: build(), (shape,), None, **options)


def of_one(id: str, build: Callable[[str], Layer], shape: Shape, wrong: Shape, *says: str) -> Case:
    return Case(id, build, (shape,), Wrong((wrong,), says))


def merging(
    id: str, build: Callable[[], Layer], n: int, shape: Shape = (4,), **options: Any
) -> Case:
    other = (*shape[:-1], shape[-1] + 1)
    shapes = (shape,) * n
    return Case(
        id,
        lambda _: build(),
        shapes,
        Wrong((*shapes[:-1], other), ("one shape", str(shape), str(other))),
        **options,
    )
