"""What a model is made of: its blocks, each once, those that a block holds before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rnnbp.graph.cells.bidirectional import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.over_time import Last, MaxOverTime, MeanOverTime, WholeSeries
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import Unrolled
from rnnbp.layers.base import Layer
from rnnbp.layers.params import LayerParams

Part: TypeAlias = Layer | Network | OverTime | Unrolled
"""What a file describes on its own."""
OVER_TIME: dict[str, type[OverTime]] = {
    cls.__name__: cls for cls in (Last, MaxOverTime, MeanOverTime, WholeSeries)
}
NODES = 100_000
"""Nodes that the graphs of a model of few parts have at most, which take some seconds to build."""


def most_nodes(parts: int) -> int:
    """The nodes that the graphs of this many parts have at most.

    Chains in one another have as many as the square of the parts. More, as chains of one chain
    twice of one chain twice ... have, would let a small file take hours and all memory.
    """
    return NODES + parts * parts


def within(part: Part) -> Sequence[Part]:
    """The parts that a part is built of."""
    if isinstance(part, Recurrent):
        return (part.cell,)
    if isinstance(part, Unrolled):
        return (part.recurrent,)
    if isinstance(part, Bidirectional):
        return (part.forward, part.backward)
    if isinstance(part, Sequential):
        return part.blocks
    return [node.block for node in part.nodes] if isinstance(part, Graph) else ()


def parts_of(model: Layer | Network) -> list[Part]:
    """All parts of a model, itself last. It does not recurse: chains may be nested deep."""
    found, known = list[Part](), set[int]()
    waiting: list[tuple[Part, bool]] = [(model, False)]
    while waiting:
        part, ready = waiting.pop()
        if id(part) in known:
            continue
        if ready:
            known.add(id(part))
            found.append(part)
        else:
            waiting += [(part, True), *((each, False) for each in reversed(within(part)))]
    return found


def count(part: Part) -> int:
    """The nodes of a part itself."""
    return len(part.nodes) if isinstance(part, Graph) else 0


def params_of(part: Part) -> LayerParams | None:
    """The parameters that a part itself has; None for none."""
    if isinstance(part, Recurrent):
        found = part.initial
    elif isinstance(part, Layer):
        found = part.params
    else:
        return None
    assert isinstance(found, LayerParams)
    return found or None
