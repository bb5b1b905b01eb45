"""What the stages of a run share."""

from __future__ import annotations

from dataclasses import dataclass, field

from rnnbp.graph.node_checks import Values
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Shape
from rnnbp.planning.predicted_ledger import FIXED as STATIC
from rnnbp.sweeps.blocks import IN_MEMORY, Place
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.edges import Edge
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node
from rnnbp.sweeps.stage import Ending, Source


@dataclass
class Shared:
    """What the stages of a run share.

    Attributes:
        network: the checked arguments.
        values: by number, the static values of the network; None for others.
        edges: by number, the series that sweeps hand on.
        ledger: counts what they hold.
        memory: of edges and gradients by inputs.
        keeps_dx: whether the gradients by inputs are kept.
        place: of edges.
        once: the series that one input of one sweep alone reads.
        dxs: by number of an input, the gradient by it, (T, B, ...), once a sweep has added to it.
        final, dstates: by number of a Recurrent's node, its final state, and the gradient by its
            initial state, (B, ...).
        dinitials: by number of a Recurrent's node and of its state, the gradient by the learned
            initial value of what resets return to it, summed over rows.
    """

    network: PosedNetwork
    values: Values
    ledger: Ledger
    memory: Reuse
    keeps_dx: bool = False
    place: Place = IN_MEMORY
    once: frozenset[int] = frozenset()
    edges: dict[int, Edge] = field(default_factory=dict)
    dxs: dict[int, Array] = field(default_factory=dict)
    final: dict[int, tuple[Array, ...]] = field(default_factory=dict)
    dstates: dict[int, tuple[Array, ...]] = field(default_factory=dict)
    dinitials: dict[tuple[int, int], Array] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        network: PosedNetwork,
        memory: Reuse | None = None,
        *,
        keeps_dx: bool = False,
        place: Place = IN_MEMORY,
        once: frozenset[int] = frozenset(),
    ) -> Shared:
        """What is there before any stage has run."""
        graph, static = network.graph, network.static
        held = [part.array for part in network.series.values() if part.array is not None]
        lent = [array for k, array in static.items() if k not in network.copied]
        ledger = Ledger([*held, *lent, *graph.params.values()])
        ledger.hold(STATIC, [*static.values(), *network.states.values()])
        values = [static.get(k) for k in range(graph.n_values)]
        pool = Reuse() if memory is None else memory
        return cls(network, values, ledger, pool, keeps_dx, place, once)

    def new_edge(self, end: Ending, rows: ChunkRows, shape: Shape, *, reached: bool) -> Edge:
        """The edge that a sweep writes, whose values are not allocated yet."""
        how = {"reverse": end.reverse, "once": end.once, "reached": reached}
        found = Edge(rows, shape, self.network.dtype, self.ledger, self.memory, self.place, **how)
        self.edges[end.value] = found
        return found

    def has_dx(self, k: int) -> bool:
        """True if the gradient by a series of the network is kept."""
        series = self.network.series
        return self.keeps_dx and k in series and series[k].dtype.kind in "fc"

    def dx(self, k: int) -> Array:
        """The gradient by an input, to add to; of one that is read ``once``, to be written."""
        if k not in self.dxs:
            part = self.network.series[k]
            self.dxs[k] = self.memory.new((part.steps, *part.shape), self.network.dtype)
            self.network.lengths[self.network.axes[k]].clear(self.dxs[k], all_=k not in self.once)
            self.ledger.hold("gradients", self.dxs[k])
        return self.dxs[k]

    def put(self, k: int, value: Array) -> None:
        """Put a static value of the network there."""
        self.values[k] = value
        self.ledger.hold(STATIC, value)

    def static_value(self, source: Source) -> Array:
        """(B, ...) the value of a static input of a sweep."""
        if source.state is None:
            value: Array = self.values[source.value]
            return value
        number, k = source.state
        (block,) = [
            recurrent_of_node(node) for node in self.network.recurrent if node.number == number
        ]
        assert block is not None
        return block.first_state(self.network.batch, self.network.dtype)[k]

    def final_states(self) -> States:
        """The final state of each Recurrent, in order."""
        return tuple([self.final[node.number] for node in self.network.recurrent])
