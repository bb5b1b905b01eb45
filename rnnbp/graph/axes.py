"""The time axes of a graph's values, and whether it is a network over time."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.timed import Timed
from rnnbp.graph.value_pers import value_pers
from rnnbp.graph.values import TIME
from rnnbp.support.prepared import Remembered


def value_axes(graph: Graph) -> tuple[str, ...]:
    """The time axis of each value of a graph, "" for one that is not a series.

    A series of inputs of no named axis, as in a cell, has "" too.
    """
    pers = value_pers(graph)
    known = graph.axes or tuple([TIME if per == "step" else "" for per in graph.pers])
    found = [*known, *[""] * (graph.n_values - len(known))]
    for node in graph.nodes:
        axis = next((found[k] for k in node.args if found[k]), "")
        for k in node.outs:
            found[k] = axis if pers[k] == "step" else ""
    return tuple(found)


def is_over_time(graph: Graph) -> bool:
    """True if a graph is cut into stages, and is not one sweep of the engine.

    It has several outputs or time axes, or a node that is neither a layer nor a forward Recurrent.
    """
    known = _over_time.get(graph.origin)
    if known is None:
        _over_time.put(graph.origin, known := _is_over_time(graph))
    return known


def _is_over_time(graph: Graph) -> bool:
    blocks = [node.block for node in graph.nodes]
    plain = all(
        not block.reverse if isinstance(block, Recurrent) else not isinstance(block, Timed)
        for block in blocks
    )
    return not plain or graph.n_outputs > 1 or len({axis for axis in graph.axes if axis}) > 1


_over_time = Remembered[Network, bool](lambda network: False)
"""By model; put there by ``is_over_time``, because a Recurrent is no graph."""
