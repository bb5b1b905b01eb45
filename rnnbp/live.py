"""Bytes alive at once in a walk over the nodes of a graph, from shapes alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rnnbp.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.layers.split import Split
from rnnbp.numerics import Shape

NUMBER = 8
"""Bytes of the number of a symbol in a table."""


@dataclass(frozen=True)
class Cost:
    """What running a node takes, in bytes: its outputs, its deltas by argument, and what it needs as well.

    ``forward`` and ``inputs`` are needed while outputs and deltas are made, ``params`` (the gradients of the
    parameters included) when the deltas are there. With ``passes``, deltas are the memory of the output's; with
    ``part``, outputs are parts of the input's memory, until they are copied to be kept.
    """

    node: Node
    outs: tuple[int, ...]
    deltas: tuple[int, ...]
    forward: int = 0
    inputs: int = 0
    params: int = 0
    passes: bool = False
    part: bool = False


def layer_cost(node: Node, layer: Layer, shapes: Sequence[Shape], rows: int, itemsize: int) -> Cost:
    """The cost of a layer on ``rows`` batch elements."""
    forward, inputs, reading = layer.scratch(rows, *(shapes[k] for k in node.args)).nbytes(itemsize)
    outs = tuple(0 if layer.view else rows * itemsize * math.prod(shapes[k]) for k in node.outs)
    no_delta = layer.view or layer.passes or layer.symbols
    deltas = tuple(0 if no_delta else rows * itemsize * math.prod(shapes[k]) for k in node.args)
    gradients = sum(p.nbytes for p in layer.params.values())
    params, passes = gradients + reading if layer.params else 0, layer.view or layer.passes
    return Cost(node, outs, deltas, forward, inputs, params, passes, layer.part)


def lookup_cost(node: Node, rows: int, made: int) -> Cost:
    """The cost of numbers of symbols in place of their vectors, of which bytes are ``made`` for new symbols."""
    return Cost(node, (NUMBER * rows,), (0,), forward=NUMBER * rows + made)


def forward_peak(costs: Sequence[Cost], elsewhere: frozenset[int] = frozenset()) -> int:
    """The most alive in a forward walk that frees nothing before its end; values ``elsewhere`` move out once made."""
    held = peak = 0
    for cost in costs:
        made = 0 if cost.part else sum(cost.outs)
        peak = max(peak, held + made + cost.forward)
        moved = sum(size for k, size in zip(cost.node.outs, cost.outs, strict=True) if k in elsewhere)
        held += max(0, made - moved)
    return peak


def freeing_peak(costs: Sequence[Cost], kept: frozenset[int], replaced: frozenset[int]) -> int:
    """The most alive in a forward walk that frees each value after its last use.

    Those ``kept`` stay, and count; those ``replaced`` give way to arrays that are counted elsewhere once made.
    """
    last = last_uses([cost.node for cost in costs])
    alive: dict[int, int] = {}
    peak = 0
    for number, cost in enumerate(costs):
        made = {k: n for k, n in zip(cost.node.outs, cost.outs, strict=True) if k in kept or not cost.part}
        peak = max(peak, sum(alive.values()) + sum(made.values()) + cost.forward)
        alive |= {k: size for k, size in made.items() if k not in replaced}
        alive = {k: size for k, size in alive.items() if k in kept or last.get(k, -1) > number}
    return peak


def last_uses(nodes: Sequence[Node]) -> dict[int, int]:
    """By value, the position of the last node that takes it, or a view of it."""
    last: dict[int, int] = {}
    for number, node in reversed(list(enumerate(nodes))):
        shares = getattr(node.block, "view", False) or getattr(node.block, "part", False)
        through = max((last.get(k, number) for k in node.outs), default=number) if shares else number
        for k in node.args:
            last[k] = max(last.get(k, -1), through)
    return last


def backward_peak(costs: Sequence[Cost], ends: dict[int, int]) -> int:
    """The most alive in the delta recursion; ``ends`` are the bytes of the deltas that are there at first."""
    alive = dict(ends)
    peak = sum(alive.values())
    for cost in reversed(costs):
        if not any(k in alive for k in cost.node.outs):
            continue
        inputs = _zeros(cost, alive) if isinstance(cost.node.block, Split) else cost.inputs
        own = sum(alive.pop(k, 0) for k in cost.node.outs)
        others, made = sum(alive.values()), sum(cost.deltas)
        summed = max((size for k, size in zip(cost.node.args, cost.deltas, strict=True) if k in alive), default=0)
        peak = max(peak, others + own + made + max(inputs, cost.params, summed))
        sizes = (own, *(0 for _ in cost.deltas[1:])) if cost.passes else cost.deltas
        for k, size in zip(cost.node.args, sizes, strict=True):
            alive[k] = max(alive.get(k, 0), size)
    return peak


def _zeros(cost: Cost, alive: Mapping[int, int]) -> int:
    """The deltas that are made for outputs of a Split that nothing depends on."""
    return sum(size for k, size in zip(cost.node.outs, cost.outs, strict=True) if k not in alive)
