"""Cases of convolutions and pooling, in every option."""

from __future__ import annotations

from typing import Any

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer
from rnnbp.numerics import Shape
from tests.layer_case import Case, Wrong, of_one


def _conv1d(id: str, kernel: Any, size: int, **options: Any) -> Case:
    def build(dtype: str) -> Layer:
        return L.Conv1D(2, 3, kernel, dtype=dtype, rng=1, **options)

    return of_one(f"Conv1D-{id}", build, (2, size), (4, size), "axis -2", "size 2", "found 4")


def _conv2d(id: str, kernel: Any, size: Shape, **options: Any) -> Case:
    def build(dtype: str) -> Layer:
        return L.Conv2D(2, 3, kernel, dtype=dtype, rng=1, **options)

    return of_one(f"Conv2D-{id}", build, (2, *size), (4, *size), "axis -3", "size 2", "found 4")


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


def _pools(pool: type[L.MaxPool] | type[L.AvgPool]) -> tuple[Case, ...]:
    name = pool.__name__
    return (
        of_one(f"{name}-1d", lambda _: pool(2), (2, 6), (2, 1), *SMALL, "2", "found 1"),
        of_one(
            f"{name}-1d-no-channels",
            lambda _: pool(2),
            (4,),
            (1,),
            *SMALL,
            "2",
            "found 1",
        ),
        of_one(f"{name}-1d-rest", lambda _: pool(3), (2, 8), (2, 2), *SMALL, "3", "found 2"),
        of_one(
            f"{name}-1d-overlap",
            lambda _: pool(3, 1),
            (2, 6),
            (2, 2),
            *SMALL,
            "3",
            "found 2",
        ),
        of_one(f"{name}-1d-padding", lambda _: pool(4, 3, 2), (2, 7), (2, 0), *SMALL[:1]),
        of_one(
            f"{name}-2d",
            lambda _: pool((2, 2)),
            (2, 4, 4),
            (2, 4, 1),
            *SMALL,
            "2",
            "found 1",
        ),
        of_one(
            f"{name}-2d-gaps",
            lambda _: pool((1, 2), (2, 3)),
            (1, 4, 5),
            (1, 4, 1),
            *SMALL,
            "found 1",
        ),
        of_one(
            f"{name}-2d-all",
            lambda _: pool((3, 2), (2, 1), (1, 1)),
            (2, 4, 3),
            (2, 0, 4),
            "axis -2",
            "at least 1",
            "found 0",
        ),
    )


# A window of 4 with padding 2 on both sides fits in an axis of any size:
# only too few axes are wrong.
POOLS = [
    Case(
        c.id, c.build, c.shapes, Wrong(((),), ("at least 1 axes", "found shape ()"), forward=False)
    )
    if c.id.endswith("1d-padding")
    else c
    for pool in (L.MaxPool, L.AvgPool)
    for c in _pools(pool)
]
