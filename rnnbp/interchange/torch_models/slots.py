"""Where the parameters of a model are kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.network import Network, Slot
from rnnbp.graph.sequential import Item, Sequential


def every_slot(block: Item | Network, *, named: bool = True) -> Iterator[tuple[str, Slot]]:
    """The dict and key of each parameter by path; one that is met twice has several paths.

    Args:
        named: False for "forward" and "backward" in place of the names of both directions, as
            names of PyTorch are made of.
    """
    parts: Iterable[tuple[str, Item]] = ()
    if isinstance(block, Sequential):
        parts = [(inner.name or str(k), inner) for k, inner in enumerate(block.blocks)]
    elif isinstance(block, Bidirectional):
        both = {"forward": block.forward, "backward": block.backward}
        parts = [((named and inner.name) or key, inner) for key, inner in both.items()]
    elif isinstance(block, Network):
        yield from block.slots.items()
    elif isinstance(block.params, dict):
        yield from ((key, (block.params, key)) for key in block.params)
    for place, inner in parts:
        for path, slot in every_slot(inner, named=named):
            yield f"{place}.{path}", slot
