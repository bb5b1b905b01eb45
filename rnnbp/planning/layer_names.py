"""The names of a model's layers: what the paths of their parameters begin with."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.network import named_alone, slots_of
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import layer_of


def names(graph: Graph) -> list[str]:
    """What the parameters of each node begin with; of one without parameters, what they would."""
    found = list(_chain_names(graph, "")) if isinstance(graph, Sequential) else []
    if len(found) == len(graph.nodes):
        return found
    return [_name(graph, node, k) for node, k in zip(graph.nodes, _positions(graph), strict=True)]


def _positions(graph: Graph) -> list[int]:
    """Of the block of each node, its number among the blocks."""
    numbers = {id(block): k for k, block in enumerate(graph.layers)}
    return [numbers[id(layer_of(node.block))] for node in graph.nodes]


def _chain_names(chain: Sequential, before: str) -> Iterator[str]:
    """Those of the blocks of a chain, with chains and graphs within it."""
    for k, block in enumerate(chain.blocks):
        path = f"{before}{block.name or k}"
        if isinstance(block, Sequential):
            yield from _chain_names(block, f"{path}.")
        elif isinstance(block, Graph):
            yield from (f"{path}.{name}" for name in names(block))
        else:
            yield path


def _name(graph: Graph, node: Node, position: int) -> str:
    """The path of a node's first parameter, less the parameter's own name."""
    block = layer_of(node.block)
    if graph.suffixes:
        return str(block.name or position)
    found = list[str]()
    for key, slot in slots_of(block).items():
        for path, (owner, name) in graph.slots.items():
            if owner is slot[0] and name == slot[1]:
                if named_alone(block):
                    return path
                found.append(path.removesuffix(key).removesuffix("."))
    # A parameter that an earlier node has too is called as there.
    return next(
        (name for name in found if name), found[0] if found else str(block.name or position)
    )
