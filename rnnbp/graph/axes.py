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
    return _over_time.of(graph.origin)


def _is_over_time(network: Network) -> bool:
    if isinstance(network, Recurrent):
        return network.reverse
    assert isinstance(network, Graph)  # of which alone graphs are made for one run
    blocks = [node.block for node in network.nodes]
    plain = all(
        not block.reverse if isinstance(block, Recurrent) else not isinstance(block, Timed)
        for block in blocks
    )
    return not plain or network.n_outputs > 1 or len({axis for axis in network.axes if axis}) > 1


_over_time = Remembered[Network, bool](_is_over_time)
