"""Networks in which each layer reads the one before it, as those of ``nn.Sequential``."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.graph.unrolled import Unrolled, layer_of


def chain_of(graph: Graph) -> list[tuple[str, Item]] | None:
    """The blocks of a chain, each with what its paths begin with; None for any other graph."""
    if isinstance(graph, Sequential):
        return [(inner.name or str(k), inner) for k, inner in enumerate(graph.blocks)]
    places = dict(zip(map(id, graph.layers), graph.positions, strict=True))
    found: list[tuple[str, Item]] = []
    last: tuple[int, ...] = (0,)
    for node in graph.nodes:
        place = getattr(node.block, "name", None) or places[id(layer_of(node.block))]
        if node.args != last or isinstance(node.block, Unrolled) or "." in place:
            return None
        found.append((place, node.block))
        last = node.outs
    return found if found and graph.outputs == last and len(graph.input_shapes) == 1 else None
