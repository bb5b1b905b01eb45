"""What a model computes once a run, to read: functions of parameters and of static inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rnnbp.compiler.code import Code
from rnnbp.compiler.explanation import Packed
from rnnbp.compiler.listing import Listing
from rnnbp.compiler.lowering import Lowering, lowered
from rnnbp.compiler.maker import Values
from rnnbp.compiler.notation import Notation
from rnnbp.compiler.reading import packed_parts
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.recurrent import Recurrent
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
        """By number of a value of the graph."""
        made = {k for node in self.nodes for k in node.outs}
        self._start = [k for k in self.names if k not in made]
        ops, numbers = self._lowered()
        ends = {numbers[k]: self.names[k] for k in self.args if k in made}
        start = {numbers[k]: self.names[k] for k in self._start}
        code = Code(ops.values, tuple(start), tuple(ops.maker.ops), tuple(ends), 0)
        self.notation = Notation(ops.values, start | ends, (code,), mark="u")
        phases = {id(op): "before" for op in code.ops}
        lines = Listing(code, phases, self.notation, ends).lines
        self.lines = tuple([replace(line, when="once") for line in lines])

    @property
    def given(self) -> list[str]:
        """The names of the inputs of the cell within."""
        return [self.names[k] for k in self.args]

    def packed(self) -> Iterator[Packed]:
        """The weights that the lines name."""
        return packed_parts(self.notation, self.graph, {})

    def _named(self, inputs: Sequence[str]) -> dict[int, str]:
        """Inputs and parameters by their names, what the cell takes as u1, u2, ..."""
        found = dict(enumerate(inputs))
        paths = {id(owner): path for path, (owner, _) in self.graph.slots.items()}
        for node in self.graph.nodes:
            if isinstance(node.block, ParameterLayer):
                found[node.outs[0]] = paths[id(node.block.params)]
        made = dict.fromkeys(k for k in self.args if k not in found)
        return found | {k: f"u{at}" for at, k in enumerate(made, 1)}

    def _lowered(self) -> tuple[Lowering, dict[int, int]]:
        """The operations, and the numbers that values of the graph have there."""
        ops = Lowering(Values())
        found = {k: ops.values.new(self.shapes[k] or ()) for k in self._start}
        for node in self.nodes:
            args = tuple([found[k] for k in node.args])
            outs = lowered(ops, node, args, [self.shapes[k] or () for k in node.outs])
            found.update(zip(node.outs, outs, strict=True))
        return ops, found
