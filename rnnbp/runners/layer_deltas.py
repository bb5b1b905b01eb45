"""Arrays of layers outside cells: which are read as they lie, where deltas go, what was resized."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Dtype, Shape, ShapeError, lies
from rnnbp.runners.workspace import Workspace

Into: TypeAlias = Sequence[Array | None]
"""By input of a layer, where its delta may lie."""


def read_as_they_lie(arrays: Iterable[object], dtype: Dtype) -> bool:
    """True if all are plain arrays of a dtype, in C order and aligned."""
    for a in arrays:  # in every chunk: a generator takes twice the time
        if type(a) is np.ndarray and a.dtype == dtype and lies(a):
            continue
        return False
    return True


def placed(workspace: Workspace, into: Into, shape: Shape, dtype: Dtype) -> Array:
    """Where dx may lie, or memory of its own."""
    place = next(iter(into), None)
    return workspace.new(shape, dtype, brief=True) if place is None else place


def resized(layer: Layer, x: Array, dy: Array) -> ShapeError:
    """The error of a layer whose input or delta is not of the shape that it had."""
    return ShapeError(
        f"{layer}: its input has shape {x.shape} now, its delta {dy.shape}; resize no array"
    )
