"""A network over time cut into stages: pure data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import TypeAlias, final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.network import Network
from rnnbp.graph.over_time.base import OverTime
from rnnbp.layers.base import Layer
from rnnbp.support.prepared import Remembered
from rnnbp.sweeps.drafts import Draft, Instance
from rnnbp.sweeps.placing import Placing
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node
from rnnbp.sweeps.stage import Source, Stage, StaticStage
from rnnbp.sweeps.sweep_graphs import written


def stages_of(
    graph: Graph, *, live: frozenset[str] = frozenset(), resets: frozenset[str] = frozenset()
) -> tuple[Stage, ...]:
    """The stages of a network over time, in the order in which they run forward.

    Args:
        graph: the network as it is run, see ``hoisted``.
        live: the axes whose rows end at different steps: Recurrents hold the state of those.
        resets: the axes along which rows return to the initial state.
    """
    known = _stages.of(graph.origin)
    key = graph.dtype, live, resets
    if key not in known:
        known[key] = tuple(_Cutting(graph, live, resets).stages())
    return known[key]


_Key: TypeAlias = tuple[object, frozenset[str], frozenset[str]]
_stages = Remembered[Network, dict[_Key, tuple[Stage, ...]]](lambda network: {})


@final
class _Cutting:
    """The stages of a graph while they are found."""

    def __init__(self, graph: Graph, live: frozenset[str], resets: frozenset[str]) -> None:
        self.graph, self.placing = graph, Placing(graph)
        self.live, self.resets = live, resets
        self.drafts: dict[tuple[int, str], Draft] = {}
        self.charged: dict[int, object] = {}
        """By number of a penalty on parameter values, the stage that it is taken in."""
        self.static = self._static_nodes()
        for node in graph.nodes:
            self._note(node)
        for k in dict.fromkeys(graph.outputs):
            if self.placing.pers[k] == "step":
                draft = self._draft(self.placing.levels[k, False], k)
                self._take(draft, k, reverse=False)
                draft.end(k, reverse=False, result=True)

    def stages(self) -> Iterator[Stage]:
        """All of them, in order."""
        readers = Counter(s.value for draft in self.drafts.values() for s in draft.sources)
        for draft in self.drafts.values():
            for key, end in draft.endings.items():
                draft.endings[key] = replace(end, once=end.edge and readers[end.value] == 1)
        ends = [level + 1 for level, _ in self.drafts]
        for level in range(1 + max([0, *self.static, *ends])):
            if level in self.static:
                yield StaticStage(level, tuple(self.static[level]))
            for (at, axis), draft in self.drafts.items():
                if at == level:
                    held = {"live": axis in self.live, "resets": axis in self.resets}
                    yield written(self.graph, draft, **held)

    def _draft(self, level: int, value: int) -> Draft:
        """The sweep of a level over the axis of a series."""
        axis = self.placing.axes[value]
        return self.drafts.setdefault((level, axis), Draft(level, axis))

    def _note(self, node: Node) -> None:
        """Put a node where its home is, or where the series is that it reduces."""
        home = self.placing.homes.get(node.number)
        if home is not None:
            self._add(self._draft(home.level, node.outs[0]), Instance(node, home.reverse))
        elif isinstance(node.block, OverTime):
            (series,) = node.args
            level, reverse = self.placing.reduced_at(node)
            draft = self._draft(level, series)
            self._take(draft, series, reverse=reverse)
            draft.end(series, reverse=reverse, reduction=node)

    def _add(self, draft: Draft, instance: Instance) -> None:
        """Add a node, and what it takes, to a sweep."""
        if instance.key in draft.instances:
            return
        draft.instances[instance.key] = instance
        recurrent = recurrent_of_node(instance.node)
        inside = None if recurrent is None else recurrent.cell.n_inputs
        for k in instance.node.args[:inside]:
            self._take(draft, k, reverse=instance.reverse is True)

    def _take(self, draft: Draft, value: int, *, reverse: bool) -> None:
        """Let a value be there in a sweep, in a direction if it is a series."""
        pers, node = self.placing.pers, self.placing.made.get(value)
        if pers[value] == "sequence":
            draft.source(Source(value, per="sequence"))
        elif pers[value] == "run":
            assert node is not None
            if self._charged_elsewhere(node, draft):
                draft.aliases[value] = node.args[0]
                self._take(draft, node.args[0], reverse=False)
            else:
                self._add(draft, Instance(node, None))
        elif node is None:
            draft.source(Source(value, reverse))
        elif (home := self.placing.home(value)) is None:
            self._add(draft, Instance(node, reverse))
        elif (home.level, home.reverse) != (draft.level, reverse):
            draft.source(Source(value, reverse))
            self._draft(home.level, value).end(value, reverse=home.reverse, edge=True)

    def _charged_elsewhere(self, node: Node, stage: object) -> bool:
        """True for a penalty on parameter values that another stage takes into the loss."""
        charges = isinstance(node.block, Layer) and node.block.charges
        return charges and self.charged.setdefault(node.number, stage) is not stage

    def _static_nodes(self) -> dict[int, list[Node]]:
        """By level, the nodes of static values, with those of parameter values that they take."""
        found: dict[int, set[int]] = {}
        for node in self.graph.nodes:
            if self._is_static(node):
                found.setdefault(self.placing.known[node.outs[0]], set()).add(node.number)
        nodes: dict[int, list[Node]] = {}
        for level, numbers in found.items():
            wanted = [n for n in self.graph.nodes if n.number in numbers]
            needed = {k for n in wanted for k in n.args}
            for node in reversed(self.graph.nodes):
                if needed.intersection(node.outs) and self._of_parameters(node):
                    numbers.add(node.number)
                    needed.update(node.args)
                    self._charged_elsewhere(node, self)
            nodes[level] = [n for n in self.graph.nodes if n.number in numbers]
        return nodes

    def _is_static(self, node: Node) -> bool:
        plain = recurrent_of_node(node) is None and not isinstance(node.block, OverTime)
        return plain and self.placing.pers[node.outs[0]] == "sequence"

    def _of_parameters(self, node: Node) -> bool:
        return self.placing.pers[node.outs[0]] == "run"
