"""The graph of one sweep, written from nodes of the network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.held import holding
from rnnbp.graph.network import slots_of
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.value_pers import value_pers
from rnnbp.graph.values import Block
from rnnbp.layers.base import Layer
from rnnbp.layers.choose import Choose
from rnnbp.numerics import Shape
from rnnbp.sweeps.drafts import Draft, Instance, Key
from rnnbp.sweeps.recurrent_nodes import given_states, plain, recurrent_of_node, states_of
from rnnbp.sweeps.stage import INITIAL, KEEP, LIVE, Source, Sweep, Unrolling


def written(graph: Graph, draft: Draft, *, live: bool, resets: bool) -> Sweep:
    """The sweep that a draft describes.

    Args:
        graph: the network.
        live: True if rows end at different steps.
        resets: True if rows return to the initial state at some steps.
    """
    return _Writing(graph, draft, live, resets).sweep()


@final
class _Writing:
    """The graph of a sweep in writing."""

    def __init__(self, graph: Graph, draft: Draft, live: bool, resets: bool) -> None:
        self.model, self.draft, self.live, self.resets = graph, draft, live, resets
        self.pers = value_pers(graph)
        found = draft.instances.values()
        instances = sorted(found, key=lambda each: (each.node.number, each.reverse is True))
        for instance in instances:
            for source in self._more(instance):
                draft.source(source)
        series = [s for s in draft.sources if s.per == "step"]
        self.inputs = (*series, *[s for s in draft.sources if s.per != "step"])
        self.numbers: dict[Key, int] = {
            _key(s): k for k, s in enumerate(self.inputs) if s.value >= 0
        }
        self.n_values, self.nodes = len(self.inputs), list[Node]()
        self.unrollings = list[Unrolling]()
        self.places = places_of(graph)
        for instance in instances:
            self._node(instance)

    def _more(self, instance: Instance) -> list[Source]:
        """The inputs that a Recurrent also takes where states are held and reset."""
        recurrent, number = recurrent_of_node(instance.node), instance.node.number
        if recurrent is None:
            return [Source(LIVE)] if self._charges(instance) else []
        found = [Source(LIVE)] if self.live else []
        if self.resets:
            found.append(Source(KEEP, instance.reverse is True))
            for k, value in enumerate(given_states(instance.node)):
                if value is not None:
                    found.append(Source(value, per="sequence"))
                elif recurrent.initial:
                    found.append(Source(INITIAL, per="sequence", state=(number, k)))
        return found

    def _charges(self, instance: Instance) -> bool:
        """True for a penalty on a series whose rows end at different steps."""
        block, series = instance.node.block, instance.reverse is not None
        return self.live and series and isinstance(block, Layer) and block.charges

    def _held(self, node: Node, recurrent: Recurrent) -> Recurrent:
        """What is run in the place of a Recurrent, in sweep time."""
        found = plain(recurrent)
        if not (self.live or self.resets):
            return found
        given = [k is not None or bool(recurrent.initial) for k in given_states(node)]
        return holding(found, live=self.live, resets=self.resets, given=given)

    def _number(self, value: int, reverse: bool | None) -> int:
        """The number that a value of the network has here."""
        while value in self.draft.aliases:
            value = self.draft.aliases[value]
        return self.numbers[value, reverse if self.pers[value] == "step" else None]

    def _node(self, instance: Instance) -> None:
        """Append a node of the network."""
        node, reverse = instance
        twin = reverse is True and (node.number, False) in self.draft.instances
        # numbers are drawn by that of the node in the network; a twin draws none
        number = self.places[node.number] + twin * 2 * len(self.model.nodes)
        recurrent, given, kept = recurrent_of_node(node), node.args, node.outs
        if recurrent is None:
            block: Block = node.block
        else:
            given, kept = given[: recurrent.cell.n_inputs], kept[:1]
            states = states_of(node)
            block = self._held(node, recurrent)
            self.unrollings.append(Unrolling(node.number, number, reverse is True, *states))
        args = [self._number(k, reverse) for k in given]
        if self._charges(instance):
            outs = self._charge(number, block, args)
        else:
            args += [self.inputs.index(source) for source in self._more(instance)]
            outs = self._append(number, block, args, len(kept))
        self.numbers.update({(k, reverse): at for k, at in zip(kept, outs, strict=True)})

    def _append(self, number: int, block: Block, args: Sequence[int], n: int) -> tuple[int, ...]:
        """Append a node; the numbers of its outputs."""
        outs = tuple(range(self.n_values, self.n_values + n))
        self.n_values += n
        self.nodes.append(Node(number, block, tuple(args), outs))
        return outs

    def _charge(self, number: int, block: Block, args: Sequence[int]) -> tuple[int, ...]:
        """Append a penalty, which sees 0 where a row has ended, and charges nothing there."""
        live, most = self.inputs.index(Source(LIVE)), 4 * len(self.model.nodes)
        (seen,) = self._append(number + most, Choose(zero=True), [live, args[0]], 1)
        (charged,) = self._append(number, block, [seen, *args[1:]], 1)
        return self._append(number + 2 * most, Choose(), [live, charged, args[0]], 1)

    def sweep(self) -> Sweep:
        """What has been written."""
        draft, model = self.draft, self.model
        endings = [draft.endings[key] for key in sorted(draft.endings)]
        new = Graph.__new__(Graph)
        new.input_shapes = tuple([self._shape(source) for source in self.inputs])
        new.pers = tuple([source.per for source in self.inputs])
        new.axes = tuple([draft.axis if per == "step" else "" for per in new.pers])
        new.input_names = tuple([self._name(source) for source in self.inputs])
        new.nodes, new.n_values = tuple(self.nodes), self.n_values
        new.outputs = tuple([self.numbers[end.value, end.reverse] for end in endings])
        new.n_outputs, new.name, new.text = len(endings), model.name, repr(model)
        layers = [layer_of(node.block) for node in new.nodes]
        new.layers = tuple({id(layer): layer for layer in layers}.values())
        owners = {id(owner) for each in new.layers for owner, _ in slots_of(each).values()}
        new.slots = {path: slot for path, slot in model.slots.items() if id(slot[0]) in owners}
        sides = self.inputs, tuple(endings), tuple(self.unrollings)
        return Sweep(draft.level, draft.axis, new, *sides)

    def _shape(self, source: Source) -> Shape | None:
        if source.value in (LIVE, KEEP):
            return (1,)
        inputs = self.model.input_shapes
        return inputs[source.value] if 0 <= source.value < len(inputs) else None

    def _name(self, source: Source) -> str:
        names = self.model.input_names
        return names[source.value] if 0 <= source.value < len(names) else ""


def places_of(graph: Graph) -> dict[int, int]:
    """By number of a node, that of the node of the network as it was written; those that were taken
    out of cells have numbers after these.
    """
    if not graph.origins:
        return {node.number: node.number for node in graph.nodes}
    found: dict[int, int] = {}
    for k, (node, origin) in enumerate(zip(graph.nodes, graph.origins, strict=True)):
        last = origin not in graph.origins[k + 1 :]
        found[node.number] = origin if last else len(graph.nodes) + k
    return found


def _key(source: Source) -> Key:
    return source.value, source.reverse if source.per == "step" else None
