"""Walks a model of this library as a chain of pieces."""

from __future__ import annotations

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.unrolled import Unrolled, layer_of
from rnnbp.interchange.keras_models.activations import formula_at
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.interchange.keras_models.pieces import Activated, Named, refused
from rnnbp.layers.base import Layer

MERGING = {"mean": ("Add()", "Scale(0.5, 0.0)"), "sum": ("Add()",), "mul": ("Multiply()",)}
"""The layers by which a Bidirectional merges two outputs, of merges other than "concat"."""


def pieces_of(model: object) -> list[Named]:
    """The pieces of a model. Raises ValueError for a graph that is no chain of known ones."""
    if isinstance(model, Sequential):
        found = list[Named]()
        for block in model.blocks:
            inline = isinstance(block, Graph) and not isinstance(block, Sequential | Bidirectional)
            found += pieces_of(block) if inline else [_named(block)]
        return found
    if isinstance(model, Graph) and not isinstance(model, Bidirectional):
        return _Walk(model).pieces()
    return [_named(model)]


def _named(block: object) -> Named:
    assert isinstance(block, Layer | Recurrent | Bidirectional | OverTime | Sequential)
    return Named(block, None if isinstance(block, OverTime) else block.name)


class _Walk:
    """Walks the nodes of a graph, each of which takes what the one before computes."""

    def __init__(self, graph: Graph) -> None:
        if len(graph.input_shapes) != 1 or graph.n_outputs != 1:
            counts = f"{len(graph.input_shapes)} inputs and {graph.n_outputs} outputs"
            raise refused(graph, f"it has {counts}, and a chain has one of each")
        self.graph, self.nodes, self.at, self.next = graph, graph.nodes, 0, 0
        self.used = {*graph.outputs, *(a for node in graph.nodes for a in node.args)}

    def pieces(self) -> list[Named]:
        found = []
        while self.next < len(self.nodes):
            found.append(self._piece())
        return found

    def _piece(self) -> Named:
        name, count = formula_at(self.nodes[self.next :], self.at)
        if count:
            self.next += count
            self.at = self.nodes[self.next - 1].outs[0]
            return Named(Activated(name), None)
        node = self._taken()
        if isinstance(node.block, Recurrent | Unrolled):
            return self._recurrent(node)
        self.at = node.outs[0]
        if len(node.outs) > 1:
            raise refused(node.block, "it has several outputs, and a chain hands on one")
        return Named(node.block, None if isinstance(node.block, OverTime) else node.block.name)

    def _taken(self) -> Node:
        """The next node, which takes the current value alone."""
        node = self.nodes[self.next]
        if node.args != (self.at,):
            raise refused(
                f"node {self.next}, {node.block}", "it does not take the output of the one before"
            )
        self.next += 1
        return node

    def _recurrent(self, node: Node) -> Named:
        rnn, second = _rnn(node), self.nodes[self.next : self.next + 1]
        if second and second[0].args == node.args and isinstance(_block(second[0]), Recurrent):
            self.next += 1
            return self._both(node, second[0])
        ends, self.at = self._output(node)
        name = rnn.name or _place(self.graph, rnn)
        return Named(Ends(rnn) if ends else rnn, name)

    def _both(self, node: Node, other: Node) -> Named:
        """Two directions, and the layers that merge what they compute."""
        (ends, one), (ends_too, two) = self._output(node), self._output(other)
        merge, last = self._merge(one, two)
        first, second = _rnn(node), _rnn(other)
        if not merge or ends != ends_too or first.reverse or not second.reverse:
            raise refused(f"{first} and {second}", "they are no two directions that are merged")
        self.at = last
        name = (_place(self.graph, first) or "").removesuffix("forward").removesuffix(".")
        both = Bidirectional(first, second, merge)
        return Named(Ends(both) if ends else both, name if name and not name.isdecimal() else None)

    def _merge(self, one: int, two: int) -> tuple[str, int]:
        """The merge of two values by the next nodes, which are then done, and the result."""
        left = self.nodes[self.next :]
        if not left or left[0].args != (one, two):
            return "", 0
        shown = [repr(node.block) for node in left]
        merges = (m for m, layers in MERGING.items() if tuple(shown[: len(layers)]) == layers)
        merge = next(merges, "concat" if shown[0].startswith("Concat(") else "")
        self.next += len(MERGING.get(merge, (1,)))
        return merge, self.nodes[self.next - 1].outs[0]

    def _output(self, node: Node) -> tuple[bool, int]:
        """Whether it is a final state that is used, and the number of what is used."""
        used = [out for out in node.outs if out in self.used]
        if len(used) != 1 or node.outs.index(used[0]) > 1:
            raise refused(node.block, "other states of it are used, or several of its outputs are")
        return used[0] != node.outs[0], used[0]


def _block(node: Node) -> object:
    return layer_of(node.block)


def _rnn(node: Node) -> Recurrent:
    found = layer_of(node.block)
    assert isinstance(found, Recurrent)
    if isinstance(node.block, Unrolled) and node.block.takes_state:
        raise refused(found, "its initial state is a value of the graph")
    return found


def _place(graph: Graph, rnn: Recurrent) -> str | None:
    """What the paths of its parameters begin with, unless that is a number."""
    owners = {id(owner) for owner, _ in rnn.slots.values()}
    path = next((p for p, (owner, _) in graph.slots.items() if id(owner) in owners), "")
    place = path.rpartition(".")[0]
    return None if not place or place.isdecimal() else place
