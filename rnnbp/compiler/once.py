"""What a model computes once a run, to read: functions of parameters and of static inputs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rnnbp.compiler.counting import layer_flops
from rnnbp.compiler.layer_formulas import formula_of
from rnnbp.compiler.listing import Line
from rnnbp.compiler.seams import ATOM, Formula
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.layers.parameter import ParameterLayer
from rnnbp.numerics import Shape


@dataclass(frozen=True)
class Within:
    """What remains of a cell once the nodes that run once a run are taken out of it.

    Attributes:
        graph: those nodes, and the Recurrent that remains, which is its last node.
        shapes: the feature shapes of its values.
    """

    graph: Graph
    shapes: Sequence[Shape | None]

    @property
    def node(self) -> Node:
        """The Recurrent."""
        return self.graph.nodes[-1]

    @property
    def recurrent(self) -> Recurrent:
        """The Recurrent of the cell within."""
        assert isinstance(self.node.block, Recurrent)
        return self.node.block

    @property
    def x_shapes(self) -> tuple[Shape, ...]:
        """Feature shapes of the inputs of the cell within."""
        return tuple([self.shapes[k] or () for k in self.node.args])


def within(model: Recurrent, shapes: Sequence[Shape]) -> Within:
    """The cell of a Recurrent as it is run, for inputs of these feature shapes."""
    graph = hoisted(Graph.of_one(model))
    return Within(graph, graph.value_shapes(*shapes))


class Once:
    """The lines of what runs once a run, and names for what the cell within takes from it.

    Args:
        found: the cell within.
        inputs: the names of the inputs of the cell as it was written.
    """

    def __init__(self, found: Within, inputs: Sequence[str]) -> None:
        self.graph, self.args, self.shapes = found.graph, found.node.args, found.shapes
        self.nodes = [n for n in found.graph.nodes[:-1] if not isinstance(n.block, ParameterLayer)]
        self.names = self._named(inputs)
        """By number of a value of the graph; those without a name stand in the line of another."""
        self.hidden: dict[int, tuple[Formula, list[Node]]] = {}
        self.lines = tuple(self._lines())

    @property
    def given(self) -> list[str]:
        """The names of the inputs of the cell within."""
        return [self.names[k] for k in self.args]

    def _named(self, inputs: Sequence[str]) -> dict[int, str]:
        """Inputs and parameters by their names, others u1, u2, ... where several take them."""
        found = dict(enumerate(inputs))
        paths = {id(owner): path for path, (owner, _) in self.graph.slots.items()}
        for node in self.graph.nodes:
            if isinstance(node.block, ParameterLayer):
                found[node.outs[0]] = paths[id(node.block.params)]
        uses = Counter(k for node in self.graph.nodes for k in node.args)
        made = [k for node in self.nodes for k in node.outs]
        shown = [k for k in made if k in self.args or uses[k] > 1 or len(made) == 1]
        return found | {k: f"u{at}" for at, k in enumerate(shown, 1)}

    def _lines(self) -> Iterator[Line]:
        for node in self.nodes:
            args = [self._arg(k) for k in node.args]
            formula = formula_of(node.block, [text for text, _ in args])
            nodes = [*(inner for _, inside in args for inner in inside), node]
            named = [k for k in node.outs if k in self.names]
            if not named:
                self.hidden[node.outs[0]] = formula, nodes
                continue
            names = ", ".join(self.names.get(k, "_") for k in node.outs)
            rows = sum(math.prod(self.shapes[k] or ()) for k in node.outs)
            yield Line("once", f"{names} = {formula[0]}", rows, len(nodes), self._flops(nodes))

    def _arg(self, value: int) -> tuple[Formula, list[Node]]:
        if value in self.hidden:
            return self.hidden[value]
        return (self.names[value], ATOM), []

    def _flops(self, nodes: Iterable[Node]) -> int | None:
        """Of one sequence; None where a layer runs as Python."""
        found = []
        for node in nodes:
            assert isinstance(node.block, Layer)
            shapes = [[self.shapes[k] or () for k in some] for some in (node.args, node.outs)]
            found.append(0 if not node.args else layer_flops(node.block, *shapes))
        return None if None in found else sum(n or 0 for n in found)
