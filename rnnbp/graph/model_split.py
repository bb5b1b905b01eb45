"""A model in two parts: the body, which feeds a state, and the tail, which feeds the loss alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.value_pers import Widened, value_pers, widened
from rnnbp.graph.values import Per
from rnnbp.layers.embedding import Embedding
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.parameter import ParameterLayer
from rnnbp.layers.penalty import PenaltyFactor
from rnnbp.layers.symbols import Symbols
from rnnbp.support.lazy import cached_property
from rnnbp.support.prepared import Remembered

T = TypeVar("T")


class Parts:
    """The nodes of a model by what they are needed for.

    The body runs when a chunk is recorded. The tail (the head, as a rule) runs when the chunk goes
    backward: so logits exist for one chunk at a time. ``fixed`` are those whose outputs are the
    same at all steps: they run once a run.
    """

    def __init__(self, model: Graph) -> None:
        self.body: tuple[Node, ...]
        self.tail: tuple[Node, ...]
        self.fixed: tuple[Node, ...]
        self.nodes, self.outputs = model.nodes, model.outputs  # no reference to the model itself
        self.recurrent = recurrents(model)
        blocks = [node.block for node in self.recurrent]
        self.blocks = tuple([block for block in blocks if isinstance(block, Recurrent)])
        self.symbols_by_input = _symbols.of(lasting(model))
        """For each input, the layers that take it as integers; none where it is floats."""
        alone = len(self.nodes) == len(self.recurrent) == 1
        if alone and (model.n_values, self.outputs) == (2, (1,)):
            self.body, self.tail = self.nodes, ()
            # Cheap, because a lone Recurrent becomes a new graph in every run.
            vars(self).update(ALONE)
            return
        self.x = model.pers.index("step")
        self.pers = value_pers(model)
        self.fixed = tuple([n for n in self.nodes if all(self.pers[k] != "step" for k in n.outs)])
        fed = [k for node in self.recurrent for k in node.args]
        fixed = {node.number for node in self.fixed}
        numbers = {node.number for node in (*model.ancestors(fed), *self.recurrent)} - fixed
        self.body = tuple([node for node in model.nodes if node.number in numbers])
        self.tail = tuple([n for n in model.nodes if n.number not in numbers | fixed])

    @property
    def symbols(self) -> tuple[Symbols, ...]:
        """The layers that take x as integers; none where it is floats."""
        return self.symbols_by_input[self.x]

    @cached_property
    def series(self) -> tuple[int, ...]:
        """The inputs that have a value at each step: x is the first."""
        return tuple([k for k in range(len(self.symbols_by_input)) if self.pers[k] == "step"])

    @cached_property
    def frontier(self) -> tuple[int, ...]:
        """The values of the body, the inputs among them, that the tail or the loss starts from."""
        made = {*self.series} | {k for node in self.body for k in node.outs}
        wanted = {k for node in self.tail for k in node.args} | set(self.outputs)
        return tuple(sorted(made & wanted))

    @cached_property
    def crossing(self) -> tuple[int, ...]:
        """The values that are the same at all steps, and that nodes of chunks take."""
        taken = {k for node in (*self.body, *self.tail) for k in node.args}
        return tuple(sorted(k for k in taken if self.pers[k] != "step"))

    @cached_property
    def direct(self) -> dict[int, ParameterLayer]:
        """Of those, the values that are parameters as they are, with their layers."""
        return {
            node.outs[0]: node.block
            for node in self.fixed
            if isinstance(node.block, ParameterLayer) and node.outs[0] in self.crossing
        }

    @cached_property
    def widened(self) -> dict[int, tuple[Widened, ...]]:
        """By node, the arguments that change less often than it reads them."""
        found = {node.number: widened(node, self.pers) for node in self.nodes}
        return {number: args for number, args in found.items() if args}

    @cached_property
    def crossed(self) -> frozenset[int]:
        """The nodes of chunks that take such values, by number."""
        nodes, crossing = (*self.body, *self.tail), set(self.crossing)
        return frozenset([node.number for node in nodes if crossing.intersection(node.args)])

    @cached_property
    def factors(self) -> tuple[tuple[Node, Per], ...]:
        """The factors of means of penalties, and how often what is averaged changes."""
        takers = {k: node for node in self.nodes for k in node.args}
        found = [(n, takers[n.outs[0]]) for n in self.fixed if isinstance(n.block, PenaltyFactor)]
        return tuple([(node, self.pers[taker.outs[0]]) for node, taker in found])

    @cached_property
    def taken_once(self) -> dict[int, tuple[int, ...]]:
        """By node, the inputs of the model that nothing else takes: its deltas by these are the
        model's gradients.
        """
        users = Counter([*(k for node in self.nodes for k in node.args), *self.outputs])
        once = {k for k in self.series if users[k] == 1}
        found = {n.number: tuple([k for k in n.args if k in once]) for n in self.nodes}
        return {number: taken for number, taken in found.items() if taken}

    def places_of(self, node: Node, into: Mapping[int, T]) -> Sequence[T | None]:
        """For each input of a node where its delta may lie, of places by input of the model."""
        taken = self.taken_once.get(node.number)
        return [into.get(k) if k in taken else None for k in node.args] if taken and into else ()

    @cached_property
    def spelled(self) -> dict[int, Node]:
        """By number of a Recurrent, the layer whose vectors of symbols it alone takes."""
        made = {
            node.outs[0]: node
            for node in (*self.body, *self.tail)
            if isinstance(node.block, Embedding | OneHot)
        }
        users = Counter([*(k for node in self.nodes for k in node.args), *self.outputs])
        return {
            n.number: made[n.args[0]]
            for n in self.recurrent
            if len(n.args) == 1 and n.args[0] in made and users[n.args[0]] == 1
        }

    def symbols_of(self, number: int) -> Symbols | None:
        """The layer of ``spelled`` that feeds a Recurrent; None if it is not one."""
        node = self.spelled.get(number)
        block = None if node is None else node.block
        assert block is None or isinstance(block, Symbols)
        return block

    @cached_property
    def fed(self) -> frozenset[int]:
        """The values that some node of the body takes: outputs that even an Advance computes."""
        return frozenset(k for node in self.body for k in node.args)


PER_STEP: tuple[Per, ...] = ("step", "step")
ALONE: dict[str, object] = {"frontier": (1,), "fed": frozenset([0]), "spelled": {}, "x": 0}
ALONE |= {"pers": PER_STEP, "fixed": (), "series": (0,), "crossing": (), "widened": {}}
ALONE |= {"taken_once": {0: (0,)}, "crossed": frozenset(), "factors": (), "direct": {}}
"""What ``Parts`` finds of a model that is one Recurrent, from value 0 to value 1."""


_parts = Remembered[Graph, Parts](Parts)
_symbols = Remembered[Graph | Recurrent, tuple[tuple[Symbols, ...], ...]](
    lambda model: tuple([tuple(symbol_layers(model, k)) for k in range(_inputs(model))])
)


def parts_of(model: Graph) -> Parts:
    """Its parts, found once."""
    return _parts.of(model)


def lasting(model: Graph) -> Graph | Recurrent:
    """Returns what lives as long as the user's model, and not for one run as a graph of one."""
    if len(model.nodes) != 1:
        return model
    if isinstance(alone := model.origin, Recurrent):
        return alone  # of the graph that is made of it for each run
    (node,) = model.nodes
    # A graph that has more inputs or outputs than its Recurrent is not told from it by that.
    same = model.outputs == node.outs and model.n_values == len(node.args) + 1
    return node.block if same and isinstance(node.block, Recurrent) else model


def recurrents(model: Graph) -> tuple[Node, ...]:
    """The nodes with a state, in order."""
    return tuple([node for node in model.nodes if isinstance(node.block, Recurrent)])


def recurrent_blocks(model: Graph) -> tuple[Recurrent, ...]:
    """The Recurrents of a model, in order, those with states as values among them."""
    applied = [layer_of(node.block) for node in model.nodes]
    return tuple([block for block in applied if isinstance(block, Recurrent)])


def symbol_layers(model: Graph | Recurrent, value: int) -> Iterator[Symbols]:
    """The layers that take an input of a model as integers; none where it is floats."""
    graph = model.cell if isinstance(model, Recurrent) else model
    for node in graph.nodes:
        block = layer_of(node.block)
        for position, k in enumerate(node.args):
            if k == value and isinstance(block, Recurrent) and position < block.cell.n_inputs:
                yield from symbol_layers(block, position)
            elif k == value and isinstance(block, Symbols):
                yield block


def _inputs(model: Graph | Recurrent) -> int:
    return model.cell.n_inputs if isinstance(model, Recurrent) else len(model.pers)
