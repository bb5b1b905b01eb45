"""Layers of a cell that run by their own methods: which these are, and what they save of a step."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnnbp.compiler.lowering import lower
from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape


def python_layers(cell: Cell, shapes: Sequence[Shape], *, training: bool) -> tuple[Layer, ...]:
    """The layers of a cell that are not lowered, each once; () if it is machine code.

    Args:
        shapes: of its values. training: False for evaluation mode.
    """
    code = lower(cell, shapes, Values(), training=training)
    found = [op.opaque.layer for op in code.ops if op.name == "opaque"]
    return tuple({id(layer): layer for layer in found}.values())


def takes_symbols(op: Op) -> bool:
    """True for a layer that takes x itself as integers, which no buffer of the cell can hold."""
    return op.name == "opaque" and bool(op.opaque.layer.symbols)


def saved_bytes(op: Op, layout: Layout) -> int | None:
    """Bytes that a layer saves of one step and sequence, x apart; None if it declares none."""
    node, keeps = op.opaque.node, layout.layer(op.opaque.layer).keeps(*op.opaque.shapes)
    if keeps is None:
        return None
    inputs = () if takes_symbols(op) else keeps.inputs  # which are x itself
    values = [node.args[k] for k in inputs] + [node.outs[k] for k in keeps.outputs]
    shapes = [(layout.shapes[v], layout.dtype) for v in values]
    shapes += [(shape, np.dtype(dtype or layout.dtype)) for shape, dtype in keeps.extras]
    return sum(math.prod(shape) * dtype.itemsize for shape, dtype in shapes)
