"""Deltas of layers outside cells: where they may lie, and an error for those of other shapes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Dtype, Shape, ShapeError
from rnnbp.runners.workspace import Workspace

Into: TypeAlias = Sequence[Array | None]
"""By input of a layer, where its delta may lie."""


def placed(workspace: Workspace, into: Into, shape: Shape, dtype: Dtype) -> Array:
    """Where dx may lie, or memory of its own."""
    place = next(iter(into), None)
    return workspace.new(shape, dtype, brief=True) if place is None else place


def resized(layer: Layer, x: Array, dy: Array) -> ShapeError:
    """The error of a layer whose input or delta is not of the shape that it had."""
    return ShapeError(
        f"{layer}: its input has shape {x.shape} now, its delta {dy.shape}; resize no array"
    )
