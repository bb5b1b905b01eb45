"""Where the parameters of a model are kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnnbp.graph.network import Network, Slot
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.numerics import Array


def slots_of(block: Item | Network) -> Mapping[str, Slot]:
    """The dict and key of each parameter of a block, by path; a tied one has several places."""
    if isinstance(block, Network):
        return block.slots
    assert isinstance(block.params, dict)
    return {key: (block.params, key) for key in block.params}


def every_path(block: Item | Network) -> Iterator[tuple[str, Array]]:
    """All paths of parameters with their arrays, those of layers that are met twice included."""
    if not isinstance(block, Sequential):
        for path, (owner, key) in slots_of(block).items():
            yield path, owner[key]
        return
    for k, inner in enumerate(block.blocks):
        for path, array in every_path(inner):
            yield f"{inner.name or k}.{path}", array
