"""A model in two parts: the body, which feeds a state, and the tail, which feeds the loss alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import chain
from operator import is_
from typing import Any

import numpy as np

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.embedding import Embedding, OneHot, Symbols
from rnnbp.support.lazy import cached_property
from rnnbp.support.weak import WeakKeys

SIMPLE = (bool, int, float, str, tuple, np.dtype)
"""Types of settings."""


class Parts:
    """The nodes of a model by what they are needed for.

    The body runs when a chunk is recorded. The tail (the head, as a rule) runs when the chunk goes
    backward: so logits exist for one chunk at a time.
    """

    def __init__(self, model: Graph) -> None:
        self.body: tuple[Node, ...]
        self.tail: tuple[Node, ...]
        self.nodes, self.outputs = model.nodes, model.outputs  # not the model, which lives no longer for its parts
        self.recurrent = recurrents(model)
        self._known = _known_of(model)
        if len(self.nodes) == len(self.recurrent) == 1 and (model.n_values, self.outputs) == (2, (1,)):
            self.body, self.tail = self.nodes, ()
            vars(self).update(ALONE, only=self.nodes[0])  # at once: a Recurrent by itself is a graph anew for each run
            return
        fed = [k for node in self.recurrent for k in node.args]
        numbers = {node.number for node in (*model.ancestors(fed), *self.recurrent)}
        self.body = tuple(node for node in model.nodes if node.number in numbers)
        self.tail = tuple(node for node in model.nodes if node.number not in numbers)

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
        return users[0] if len(users) == 1 and users[0] in self.recurrent and 0 not in self.outputs else None

    @cached_property
    def spelled(self) -> dict[int, Node]:
        """By number of a Recurrent, the layer that gives it the vectors of symbols, if nobody else takes these."""
        made = {node.outs[0]: node for node in self.nodes if isinstance(node.block, Embedding | OneHot)}
        users = Counter([*(k for node in self.nodes for k in node.args), *self.outputs])
        return {n.number: made[n.args[0]] for n in self.recurrent if n.args[0] in made and users[n.args[0]] == 1}

    @cached_property
    def fed(self) -> frozenset[int]:
        """The values that some node of the body takes: outputs that even an Advance computes."""
        return frozenset(k for node in self.body for k in node.args)

    @property
    def symbols(self) -> tuple[Symbols, ...]:
        """The layers that take the model's input as integers; none where it is floats."""
        return self._known.symbols

    def settings(self) -> tuple[Any, ...]:
        """What layers say of themselves in attributes, as a dropout's probability: it may be changed between runs."""
        return self._known.settings()


ALONE: dict[str, Any] = {"frontier": (1,), "fed": frozenset([0]), "spelled": {}}
"""What ``Parts`` finds of a model that is one Recurrent, from value 0 to value 1."""


class _Known:
    """What is found once of a model that lives on: it knows the layers, and not the model."""

    def __init__(self, model: Graph) -> None:
        self.symbols = tuple(symbol_layers(model))
        found = chain.from_iterable(_attributes_of(node.block) for node in model.nodes)
        self._attributes = list({id(attributes): attributes for attributes in found}.values())
        """Those of all layers, within cells too."""
        self._settings: tuple[list[Any], tuple[Any, ...]] | None = None
        """The names and values that ``settings`` has found, and what it has made of them."""

    def settings(self) -> tuple[Any, ...]:
        """As ``Parts`` has them."""
        now = list[Any]()
        for attributes in self._attributes:
            now += attributes
            now += attributes.values()
        if (known := self._settings) is not None and len(now) == len(known[0]) and all(map(is_, now, known[0])):
            return known[1]  # these objects never change, and every run asks
        items = [item for attributes in self._attributes for item in attributes.items() if isinstance(item[1], SIMPLE)]
        found = tuple(item if type(item[1]) in (int, bool) else (item[0], repr(item[1])) for item in items)
        self._settings = (now, found) if all(_constant(value) for _, value in items) else None
        return found


def _constant(value: Any) -> bool:
    """Whether a setting stays what it is; a tuple may hold a list."""
    return all(isinstance(part, SIMPLE) and _constant(part) for part in value) if type(value) is tuple else True


_parts: WeakKeys[Graph, Parts] = WeakKeys()
_known: WeakKeys[Graph | Recurrent, _Known] = WeakKeys()


def parts_of(model: Graph) -> Parts:
    """Its parts, found once."""
    if (known := _parts.get(model)) is None:
        known = _parts.setdefault(model, Parts(model))
    return known


def _known_of(model: Graph) -> _Known:
    if (known := _known.get(owner := lasting(model))) is None:
        known = _known.setdefault(owner, _Known(model))
    return known


def lasting(model: Graph) -> Graph | Recurrent:
    """What lives as long as a model of the user's: a Recurrent by itself becomes a graph anew for each run."""
    only = model.nodes[0].block if len(model.nodes) == 1 else None
    return only if isinstance(only, Recurrent) else model


def recurrents(model: Graph) -> tuple[Node, ...]:
    """The nodes with a state, in order."""
    return tuple(node for node in model.nodes if isinstance(node.block, Recurrent))


def symbol_layers(graph: Graph) -> Iterator[Symbols]:
    """The layers that take the graph's input as integers; none where it is floats."""
    for node in graph.nodes:
        if 0 in node.args:
            if isinstance(node.block, Recurrent):
                yield from symbol_layers(node.block.cell)
            elif isinstance(node.block, Symbols):
                yield node.block


def _attributes_of(block: Any) -> list[dict[str, Any]]:
    """Those of a layer, or of the layers within a Recurrent."""
    if not isinstance(block, Recurrent):
        return [vars(block)] if hasattr(block, "__dict__") else []
    return list(chain.from_iterable(_attributes_of(node.block) for node in block.cell.nodes))
