"""The bytes of the stages of a network, before they run."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, final

from rnnbp.graph.graph import Node
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.planning.predicted_ledger import FIXED as STATIC
from rnnbp.sweeps.dry_network import dry
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.outputs import read_once, static_owners
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node
from rnnbp.sweeps.shared import Shared
from rnnbp.sweeps.stage import Stage, StaticStage, Sweep
from rnnbp.sweeps.sweep_bytes import SweepBytes
from rnnbp.sweeps.sweep_problem import sweep_problem
from rnnbp.sweeps.wanted import Wanted

Bytes: TypeAlias = Counter[str]
"""Bytes by kind, as ledgers have them."""
EDGE, GRADIENTS = "edge", "gradients"


@final
@dataclass
class StageBytes:
    """What a stage takes.

    Attributes:
        sweep: the bytes of its actions; None for a stage of static nodes.
        opened: what is allocated before it runs forward, and stays: edges and reductions.
        handed: static values that it hands on, and what its way back needs of them.
        released: of these, what its way back releases.
        waiting: deltas of static values that are there when its way back begins.
        sent: of a stage of static nodes, those that it makes while these are there.
        turned: what is allocated before its way back: deltas of edges, gradients by inputs.
        closed: what is released after its way back, of edges.
    """

    sweep: SweepBytes | None = None
    opened: Bytes = field(default_factory=Counter)
    handed: Bytes = field(default_factory=Counter)
    released: Bytes = field(default_factory=Counter)
    waiting: Bytes = field(default_factory=Counter)
    sent: Bytes = field(default_factory=Counter)
    turned: Bytes = field(default_factory=Counter)
    closed: Bytes = field(default_factory=Counter)


@final
@dataclass
class NetworkBytes:
    """What a network takes, whatever the schedules.

    Attributes:
        base: what is held from the beginning.
        back: what is allocated before the way back: sums of gradients of what is static.
        stages: in order.
        edges: by number of the value that one is, its bytes, whether they are in memory or not.
        shapes: by number of a static value that stages make, its feature shape.
    """

    base: Bytes
    back: Bytes = field(default_factory=Counter)
    stages: list[StageBytes] = field(default_factory=list)
    edges: dict[int, int] = field(default_factory=dict)
    shapes: dict[int, Shape] = field(default_factory=dict)

    @property
    def sweeps(self) -> list[SweepBytes]:
        """Those of the stages that are sweeps, in order."""
        return [stage.sweep for stage in self.stages if stage.sweep is not None]


def reaches(sweep: Sweep, wanted: Wanted) -> bool:
    """True if deltas come to a sweep."""
    ends = {end.value for end in sweep.outputs} | {k for e in sweep.unrollings for k in e.final}
    reductions = {k for end in sweep.outputs for node in end.reductions for k in node.outs}
    return not wanted.reached.isdisjoint(ends | reductions)


def static_sources(sweep: Sweep) -> set[int]:
    """The static values of the network that a sweep sends deltas to."""
    read = {s.value for s in sweep.inputs if s.per == "sequence" and s.value >= 0}
    return read | {k for each in sweep.unrollings for k in each.given if k is not None}


def bytes_of(network: PosedNetwork, stages: Sequence[Stage], wanted: Wanted) -> NetworkBytes:
    """The bytes of a network that is posed, maybe before there is any data."""
    return _Walk(network, stages, wanted).found


@final
class _Walk:
    """The stages in order, with static values that take no memory."""

    def __init__(self, network: PosedNetwork, stages: Sequence[Stage], wanted: Wanted) -> None:
        self.network, self.wanted = network, wanted
        once, place = read_once(stages), wanted.place
        self.shared = Shared.of(network, keeps_dx=wanted.keeps_dx, place=place, once=once)
        self.item, self.pers = network.dtype.itemsize, value_pers(network.graph)
        self.found = NetworkBytes(self._base())
        self._edges: dict[int, tuple[int, bool]] = {}
        """By number of an edge, its bytes, and whether its deltas take the place of its values."""
        for stage in stages:
            made = self._sweep(stage) if isinstance(stage, Sweep) else self._static(stage)
            self.found.stages.append(made)
        self._edges_back(stages)
        self._waiting(stages)
        self.found.back = self._back(stages)

    def _base(self) -> Bytes:
        """States, copies of static inputs, and outputs that are kept."""
        network = self.network
        states = sum(a.nbytes for arrays in network.states.values() for a in arrays)
        copies = sum(network.static[k].nbytes for k in network.copied)
        kept = sum(self._kept(each) for each in range(len(self.wanted.outputs)))
        return Counter({STATIC: states + copies, GRADIENTS: kept})

    def _back(self, stages: Sequence[Stage]) -> Bytes:
        """Sums of gradients of what is static."""
        params: dict[int, int] = {}
        blocks = [block for n in self.network.recurrent if (block := recurrent_of_node(n))]
        owners = [owner for stage in stages for owner in static_owners(stage)]
        for owner in [*owners, *[block.initial for block in blocks]]:
            params |= {id(array): array.nbytes for array in owner.values()}
        return Counter({GRADIENTS: sum(params.values())})

    def _waiting(self, stages: Sequence[Stage]) -> None:
        """Note the deltas of static values that wait for each stage on the way back."""
        present = {each.value for each in self.wanted.outputs if each.static and each.trained}
        for at in reversed(range(len(stages))):
            found, before = self.found.stages[at], set(present)
            found.waiting["static deltas"] = self._deltas(present)
            stage = stages[at]
            if isinstance(stage, StaticStage):
                for node in reversed(stage.nodes):
                    if present.intersection(node.outs):
                        present.difference_update(node.outs)
                        present.update(node.args)
                found.sent["static deltas"] = self._deltas(present - before)
            elif reaches(stage, self.wanted):
                for end in stage.outputs:
                    present.difference_update(k for node in end.reductions for k in node.outs)
                present.update(static_sources(stage))

    def _deltas(self, static: Collection[int]) -> int:
        """The bytes of the deltas of static values."""
        values = [self.shared.values[k] for k in static]
        return sum(a.nbytes for a in values if a is not None and a.dtype.kind in "fc")

    def _kept(self, k: int) -> int:
        """The bytes of an output that is kept."""
        output = self.wanted.outputs[k]
        if output.static or not (self.wanted.returns_y or (output.trained and output.whole)):
            return 0
        steps = output.lengths.steps * output.lengths.batch
        twice = self.wanted.returns_y and output.whole
        return (1 + twice) * steps * math.prod(output.shape) * self.item

    def _shape(self, value: int, steps: int, series: Shape) -> Shape:
        """The feature shape of a static value that a series is reduced to."""
        known = self.network.shapes[value]
        if known is not None:
            return known
        first = any(value == node.outs[0] for node in self.network.graph.nodes)
        return (steps, *series) if first else (steps,)

    def _known(self, value: int) -> Shape:
        """The feature shape of a static value that is there: of a memory the run alone knows it."""
        shape, array = self.network.shapes[value], self.shared.values[value]
        return array.shape[1:] if shape is None and array is not None else shape or ()

    def _put(self, value: int, shape: Shape) -> int:
        """Put a static value there; its bytes."""
        self.found.shapes[value] = shape
        lead = () if self.pers[value] == "run" else (self.network.batch,)
        found = self.shared.values[value] = dry((*lead, *shape), self.network.dtype)
        return found.nbytes

    def _sweep(self, sweep: Sweep) -> StageBytes:
        network, rows = self.network, self.network.rows[sweep.axis]
        problem = sweep_problem(sweep, self.shared)
        own = SweepBytes(sweep, problem, rows, self.wanted)
        reductions = Counter(reductions=own.reductions)
        made = StageBytes(own, opened=reductions.copy(), released=reductions)
        for end, shape in zip(sweep.outputs, own.shapes, strict=True):
            if end.edge:
                reached = end.value in self.wanted.reached
                self.shared.new_edge(end, rows, shape, reached=reached)
                nbytes = self.found.edges[end.value] = own.edge(end.value)
                nbytes = 0 if self.wanted.place.disk else nbytes
                self._edges[end.value] = nbytes, end.once
                made.opened[EDGE] += nbytes
            for node in end.reductions:
                assert isinstance(node.block, OverTime)
                for k in node.outs:
                    nbytes = self._put(k, self._shape(k, rows.steps, shape))
                    if rows.lengths.order is None and node.block.keeps_values:
                        made.released["reductions"] -= nbytes  # it is the static value itself
                    else:
                        made.handed[STATIC] += nbytes
        for each in sweep.unrollings:
            states = network.states[each.node]
            made.handed[STATIC] += sum(a.nbytes for a in states)
            for k, array in zip(each.final, states, strict=False):
                self._put(k, array.shape[1:])
        return made

    def _static(self, stage: StaticStage) -> StageBytes:
        made = StageBytes()
        for node in stage.nodes:
            shapes = node.block.output_shapes(*[self._known(k) for k in node.args])
            for k, shape in zip(node.outs, shapes, strict=True):
                made.handed[STATIC] += self._put(k, self.network.shapes[k] or shape or ())
            made.released[STATIC] += self._extras(node)
        made.handed.update(made.released)
        return made

    def _extras(self, node: Node) -> int:
        """The bytes that a static node saves apart from its inputs and outputs."""
        layer, shapes = node.block, [self._known(k) for k in node.args]
        keeps = layer.keeps(*shapes) if isinstance(layer, Layer) else None
        sizes = [math.prod(shape or ()) for shape, _ in keeps.extras] if keeps else []
        return self.network.batch * sum(sizes) * self.item

    def _edges_back(self, stages: Sequence[Stage]) -> None:
        """Note what edges and gradients by inputs take on the way back."""
        found, turned, readers = self.found.stages, set[int](), dict[int, int]()
        for at in reversed(range(len(stages))):
            stage = stages[at]
            for source in stage.inputs if isinstance(stage, Sweep) else ():
                readers[source.value] = at
                if source.value in turned or source.per != "step":
                    continue
                turned.add(source.value)
                kind = EDGE if source.value in self._edges else GRADIENTS
                found[at].turned[kind] += self._turned(source.value)
        for value, (nbytes, once) in self._edges.items():
            kept = once and value in self.wanted.reached
            if value in readers and not kept:
                found[readers[value]].closed[EDGE] += nbytes
        for at, stage in enumerate(stages):
            for end in stage.outputs if isinstance(stage, Sweep) else ():
                if end.edge and end.value in self.wanted.reached:
                    found[at].closed[EDGE] += self._edges[end.value][0]

    def _turned(self, value: int) -> int:
        """What is allocated for the deltas of a series."""
        if value in self._edges:
            nbytes, once = self._edges[value]
            return 0 if once or value not in self.wanted.reached else nbytes
        if not self.shared.has_dx(value):
            return 0
        part = self.network.series[value]
        return part.steps * math.prod(part.shape) * self.item
