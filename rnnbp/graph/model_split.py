"""A model in two parts: the body, which feeds a state, and the tail, which feeds the loss alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.embedding import Embedding
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.symbols import Symbols
from rnnbp.support.lazy import cached_property
from rnnbp.support.prepared import Remembered


class Parts:
    """The nodes of a model by what they are needed for.

    The body runs when a chunk is recorded. The tail (the head, as a rule) runs when the chunk goes
    backward: so logits exist for one chunk at a time.
    """

    def __init__(self, model: Graph) -> None:
        self.body: tuple[Node, ...]
        self.tail: tuple[Node, ...]
        self.nodes, self.outputs = model.nodes, model.outputs  # no reference to the model itself
        self.recurrent = recurrents(model)
        self.symbols = _symbols.of(lasting(model))
        """The layers that take the model's input as integers; none where it is floats."""
        alone = len(self.nodes) == len(self.recurrent) == 1
        if alone and (model.n_values, self.outputs) == (2, (1,)):
            self.body, self.tail = self.nodes, ()
            # Cheap, because a lone Recurrent becomes a new graph in every run.
            vars(self).update(ALONE, only=self.nodes[0])
            return
        fed = [k for node in self.recurrent for k in node.args]
        numbers = {node.number for node in (*model.ancestors(fed), *self.recurrent)}
        self.body = tuple([node for node in model.nodes if node.number in numbers])
        self.tail = tuple([node for node in model.nodes if node.number not in numbers])

    @cached_property
    def frontier(self) -> tuple[int, ...]:
        """The values of the body, the input among them, that the tail or the loss starts from."""
        made = {0} | {k for node in self.body for k in node.outs}
        wanted = {k for node in self.tail for k in node.args} | set(self.outputs)
        return tuple(sorted(made & wanted))

    @cached_property
    def only(self) -> Node | None:
        """The Recurrent that takes x, if nothing else does: its gradient by x is the model's."""
        users = [node for node in self.nodes for k in node.args if k == 0]
        only = len(users) == 1 and users[0] in self.recurrent and 0 not in self.outputs
        return users[0] if only else None

    @cached_property
    def spelled(self) -> dict[int, Node]:
        """By number of a Recurrent, the layer whose vectors of symbols it alone takes."""
        made = {
            node.outs[0]: node for node in self.nodes if isinstance(node.block, Embedding | OneHot)
        }
        users = Counter([*(k for node in self.nodes for k in node.args), *self.outputs])
        return {
            n.number: made[n.args[0]]
            for n in self.recurrent
            if n.args[0] in made and users[n.args[0]] == 1
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


ALONE: dict[str, object] = {"frontier": (1,), "fed": frozenset([0]), "spelled": {}}
"""What ``Parts`` finds of a model that is one Recurrent, from value 0 to value 1."""


_parts = Remembered[Graph, Parts](Parts)
_symbols = Remembered[Graph | Recurrent, tuple[Symbols, ...]](
    lambda model: tuple(symbol_layers(model))
)


def parts_of(model: Graph) -> Parts:
    """Its parts, found once."""
    return _parts.of(model)


def lasting(model: Graph) -> Graph | Recurrent:
    """Returns what lives as long as the user's model, and not for one run as a graph of one."""
    only = model.nodes[0].block if len(model.nodes) == 1 else None
    return only if isinstance(only, Recurrent) else model


def recurrents(model: Graph) -> tuple[Node, ...]:
    """The nodes with a state, in order."""
    return tuple([node for node in model.nodes if isinstance(node.block, Recurrent)])


def recurrent_blocks(model: Graph) -> tuple[Recurrent, ...]:
    """The Recurrents of a model, in order."""
    return tuple([node.block for node in model.nodes if isinstance(node.block, Recurrent)])


def symbol_layers(model: Graph | Recurrent) -> Iterator[Symbols]:
    """The layers that take the input of a model as integers; none where it is floats."""
    graph = model.cell if isinstance(model, Recurrent) else model
    for node in graph.nodes:
        if 0 in node.args:
            if isinstance(node.block, Recurrent):
                yield from symbol_layers(node.block)
            elif isinstance(node.block, Symbols):
                yield node.block
