"""In which sweep, and in which direction, each node of a network over time runs.

A *level* is a number of sweeps, one for each axis, that do not depend on one another. A node that
has a *home*, a level and a direction, runs there alone, and its output is an edge for others that
take it. Every Recurrent has one, every layer that draws numbers or is a penalty, and every layer
that takes series of one home. Other layers run in each sweep that takes them: those of inputs
alone, and light ones that merge several homes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.base import Layer
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node

BOTH = (False, True)
"""The directions: whether they are the reverse one."""


class Home(NamedTuple):
    """Where a node runs."""

    level: int
    reverse: bool


@final
class Placing:
    """Where the nodes of a network over time run.

    Args:
        graph: the network, as it is run: with fixed nodes taken out of its cells.

    Attributes:
        homes: by number of a node, where it runs; nodes that run where they are needed have none.
        made: by number of a value, the node that computes it.
        levels: by (series, whether in the reverse direction), the first level in which it is there.
        known: by static value, the first level before which it is there.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.pers, self.axes = value_pers(graph), value_axes(graph)
        self.made = {k: node for node in graph.nodes for k in node.outs}
        self.homes: dict[int, Home] = {}
        self.levels: dict[tuple[int, bool], int] = {}
        self.known: dict[int, int] = {}
        self._bases: dict[int, frozenset[Home]] = {}
        """By series, the homes that it is computed from, other nodes between."""
        self._entries: dict[tuple[int, bool], int] = {}
        """By (series, direction), the first level in which a Recurrent may take it."""
        self._readers = _readers(graph)
        for k, per in enumerate(graph.pers):
            self._put(k, frozenset(), (0, 0), (0, 0)) if per == "step" else self.known.update(
                {k: 0}
            )
        for node in graph.nodes:
            self._place(node)

    def home(self, value: int) -> Home | None:
        """Where the node runs that computes a value; None if that is where it is needed."""
        node = self.made.get(value)
        return None if node is None else self.homes.get(node.number)

    def reduced_at(self, node: Node) -> Home:
        """Where a node reduces a series: where that is computed."""
        (series,) = node.args
        return self.home(series) or Home(self.levels[series, False], False)

    def _place(self, node: Node) -> None:
        series = [k for k in node.args if self.pers[k] == "step"]
        after = max((self.known[k] for k in node.args if self.pers[k] != "step"), default=0)
        if (recurrent := recurrent_of_node(node)) is not None:
            reverse = recurrent.reverse
            level = max([after, *(self._entries[k, reverse] for k in series)])
            self._settle(node, Home(level, reverse))
            self.known.update(dict.fromkeys(node.outs[1:], level + 1))
        elif isinstance(node.block, OverTime):
            self.known.update(dict.fromkeys(node.outs, self.reduced_at(node).level + 1))
        elif not series:
            self.known.update(dict.fromkeys(node.outs, after))
        else:
            self._place_layer(node, series, after)

    def _place_layer(self, node: Node, series: Sequence[int], after: int) -> None:
        """Place a layer that takes series, and static values that are there from a level on."""
        layer = node.block
        assert isinstance(layer, Layer)
        levels = tuple([max(after, *(self.levels[k, way] for k in series)) for way in BOTH])
        bases = frozenset().union(*(self._bases[k] for k in series))
        if len(bases) == 1:
            (home,) = bases
            if levels[home.reverse] == home.level:
                self._settle(node, home)
                return
        readers = self._readers[node.outs[0]]
        reverse = readers == {True} and not layer.random
        if layer.random or layer.charges or (bases and layer.params):
            self._settle(node, Home(levels[reverse], reverse))
            return
        entries = tuple([max(after, *(self._entries[k, way] for k in series)) for way in BOTH])
        for k in node.outs:
            self._put(k, bases, levels, entries)

    def _settle(self, node: Node, home: Home) -> None:
        """Give a node its home. Recurrents of both directions that take it share a later sweep."""
        self.homes[node.number] = home
        levels = [home.level + (way != home.reverse) for way in BOTH]
        for k in node.outs if recurrent_of_node(node) is None else node.outs[:1]:
            later = [home.level + 1] * 2 if len(self._readers[k]) > 1 else levels
            self._put(k, frozenset([home]), levels, later)

    def _put(
        self, value: int, bases: frozenset[Home], levels: Sequence[int], entries: Sequence[int]
    ) -> None:
        self._bases[value] = bases
        for way in BOTH:
            self.levels[value, way], self._entries[value, way] = levels[way], entries[way]


def _readers(graph: Graph) -> list[set[bool]]:
    """For each value the directions of the Recurrents that take it, layers between."""
    found: list[set[bool]] = [set() for _ in range(graph.n_values)]
    for node in reversed(graph.nodes):
        recurrent = recurrent_of_node(node)
        ways = set[bool]()
        if recurrent is not None:
            ways = {recurrent.reverse}
        elif not isinstance(node.block, OverTime):
            ways = ways.union(*(found[k] for k in node.outs))
        for k in node.args:
            found[k] |= ways
    return found
