"""Attributes of primitives, and features of pointwise results."""

from __future__ import annotations

import numpy as np

from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.numerics import Shape


def number(attr: object) -> float:
    assert isinstance(attr, int | float)
    return float(attr)


def columns(attr: object) -> int:
    assert isinstance(attr, int)
    return attr


def joint(*ts: Tensor) -> Shape:
    """The features of a pointwise result."""
    return np.broadcast_shapes(*[t.shape for t in ts])
