"""Inputs of a model that are looked at only where a mask, another input, is 1."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.layers.masked import Masked


def mask_of(model: Graph, k: int) -> int | None:
    """The number of the input that says where input k is looked at; None where all of it is.

    It is so where every layer that takes input k is one by which ``Attention`` masks its memory.
    """
    found = set[int | None]()
    for node in model.nodes:
        block = layer_of(node.block)
        for position in [at for at, arg in enumerate(node.args) if arg == k]:
            mask: int | None = None
            if isinstance(block, Masked) and position == 0:
                mask = node.args[1]
            elif isinstance(block, Recurrent) and position < block.cell.n_inputs:
                inside = mask_of(block.cell, position)
                mask = None if inside is None else node.args[inside]
            found.add(mask)
    count = len(model.pers)
    masks = {None if mask is None or mask >= count else mask for mask in found}
    return masks.pop() if len(masks) == 1 else None
