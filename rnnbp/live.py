"""Bytes alive at once in a walk over the nodes of a graph, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rnnbp.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape


@dataclass(frozen=True)
class Cost:
    """What running a node takes, in bytes: its outputs, its deltas by argument, and what it needs besides.

    ``forward`` and ``inputs`` are needed while outputs and deltas are made, ``params`` (the gradients of the
    parameters included) when the deltas are there. A ``view`` makes neither outputs nor deltas of its own.
    """

    node: Node
    outs: tuple[int, ...]
    deltas: tuple[int, ...]
    forward: int = 0
    inputs: int = 0
    params: int = 0
    view: bool = False


def layer_cost(node: Node, layer: Layer, shapes: Sequence[Shape], rows: int, itemsize: int) -> Cost:
    """The cost of a layer on ``rows`` batch elements."""
    scratch = layer.scratch(rows, *(shapes[k] for k in node.args))
    outs = tuple(0 if layer.view else rows * itemsize * math.prod(shapes[k]) for k in node.outs)
    no_delta = layer.view or layer.symbols
    deltas = tuple(0 if no_delta else rows * itemsize * math.prod(shapes[k]) for k in node.args)
    gradients = sum(p.nbytes for p in layer.params.values())
    params = gradients + scratch.params * itemsize if layer.params else 0
    return Cost(node, outs, deltas, scratch.forward * itemsize, scratch.inputs * itemsize, params, layer.view)


def forward_peak(costs: Sequence[Cost], elsewhere: frozenset[int] = frozenset()) -> int:
    """The most alive in a forward walk that frees nothing before its end; values ``elsewhere`` move out once made."""
    held = peak = 0
    for cost in costs:
        peak = max(peak, held + sum(cost.outs) + cost.forward)
        held += sum(size for k, size in zip(cost.node.outs, cost.outs, strict=True) if k not in elsewhere)
    return peak


def backward_peak(costs: Sequence[Cost], ends: dict[int, int]) -> int:
    """The most alive in the delta recursion; ``ends`` are the bytes of the deltas that are there at first."""
    alive = dict(ends)
    peak = sum(alive.values())
    for cost in reversed(costs):
        if not any(k in alive for k in cost.node.outs):
            continue
        own = sum(alive.pop(k, 0) for k in cost.node.outs)
        others, made = sum(alive.values()), sum(cost.deltas)
        summed = max((size for k, size in zip(cost.node.args, cost.deltas, strict=True) if k in alive), default=0)
        peak = max(peak, others + own + made + max(cost.inputs, cost.params, summed))
        sizes = (own, *(0 for _ in cost.deltas[1:])) if cost.view else cost.deltas
        for k, size in zip(cost.node.args, sizes, strict=True):
            alive[k] = max(alive.get(k, 0), size)
    return peak
