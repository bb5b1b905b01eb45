"""Floating-point operations of a layer outside cells."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnbp.compiler.lowering import Lowering
from rnnbp.compiler.maker import Values
from rnnbp.compiler.operations import flops
from rnnbp.layers import Conv1D, Conv2D
from rnnbp.layers.base import Layer
from rnnbp.layers.penalty import PenaltyFactor
from rnnbp.layers.product import Product
from rnnbp.numerics import Shape, ShapeError


def layer_flops(layer: Layer, inputs: Sequence[Shape], outputs: Sequence[Shape]) -> int | None:
    """Of one step and sequence, counted as ``explain`` does; None for a layer run as Python.

    Layers that only look up, or hand on parts of their input, have none.
    """
    if layer.view or layer.part or layer.charges or layer.symbols:
        return 0
    if isinstance(layer, PenaltyFactor):  # a number that a run sets
        return 0
    if isinstance(layer, Conv1D | Conv2D):
        each = 2 * math.prod(layer.params["weight"].shape[1:]) + ("bias" in layer.params)
        return each * math.prod(outputs[0])
    if isinstance(layer, Product):
        return 2 * inputs[1][0] * math.prod(outputs[0])
    values = Values(inputs)
    ops = Lowering(values)
    try:
        found = layer.lower(ops, *range(len(inputs)))
    except ShapeError:
        found = None
    return None if found is None else sum(flops(op, values) or 0 for op in ops.maker.ops)
