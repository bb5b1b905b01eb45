"""Bytes of the tables of kernels' tasks: each is made when first needed, and stays for the run.

Those of backward, and of what runs only there, come with the first Backward of a chunk of their
length.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnbp.graph.graph import Node

if TYPE_CHECKING:
    from rnnbp.planning.sizes import Sizes


def job(sizes: Sizes, node: Node, length: int) -> int:
    """The table of either job, forward or backward, of a layer that runs outside cells."""
    shape = sizes.shapes[node.args[0]]
    return sizes.layers[node.number].task_bytes(length * sizes.batch, shape)


def forward(sizes: Sizes, length: int) -> int:
    """Tables of what runs before any Backward: of chunks of ``length`` steps."""
    nodes = sizes.ahead
    return sum(job(sizes, node, length) for node in nodes if node.number in sizes.layers)


def backward(sizes: Sizes, length: int) -> int:
    """Tables that the first Backward of ``length`` steps makes; the tail runs forward in it too."""
    both = [*sizes.model.nodes, *(n for n in sizes.parts.tail if n not in sizes.ahead)]
    cells = [part.task_bytes(length)[0] for part in sizes.cells.values()]
    return sum(cells) + sum(
        job(sizes, node, length) for node in both if node.number in sizes.layers
    )


def of_all(sizes: Sizes, steps: int, length: int) -> int:
    """Those that come with any Backward of a sequence in chunks of ``length``: a shorter last one
    has its own.
    """
    rest = steps % length if steps > length else 0
    return sizes.tables(length) + (sizes.tables(rest) + forward(sizes, rest) if rest else 0)


def reversing(
    sizes: Sizes, length: int, whole: int, *, first: bool, given: bool, tabled: bool
) -> tuple[int, int]:
    """What a Backward needs apart from its tape, and of that the tables that it makes.

    Args:
        whole: the length of all chunks but the last, which is recorded just before it goes
            backward.
        first: whether no deltas of a later state are there. given: whether then those of the final
            state are, which came from outside.
        tabled: whether a chunk of this length has gone backward before.
    """
    if tabled:
        return sizes.backward(length, first=first, given=given), 0
    ahead = 0 if length == whole else forward(sizes, length)
    need = sizes.backward(length, first=first, given=given, tabled=False)
    return need + ahead, sizes.tables(length) + ahead
