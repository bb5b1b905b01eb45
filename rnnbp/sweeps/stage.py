"""What a network over time is cut into: sweeps over a time axis, and stages of static values.

Time in a sweep is *sweep time* τ. Values in the forward direction have t = τ, those in the reverse
direction t = len − 1 − τ, aligned at the end of each row. So a reverse Recurrent is a plain one
whose input is a reversed view of a series, and a bidirectional layer is one graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.values import Per

LIVE, KEEP, INITIAL = -1, -2, -3
"""In place of the number of a value, for inputs that are none: 1 where a step is within its row; 0
where it begins from the initial state; the learned initial value of a state."""


@final
@dataclass(frozen=True, slots=True)
class Source:
    """An input of a sweep.

    Attributes:
        value: the number of a value of the model; ``LIVE``, ``KEEP`` or ``INITIAL``.
        reverse: True if it is read in the reverse direction.
        per: "step" for a series, "sequence" for a static value.
        state: of ``INITIAL``, the number of the Recurrent's node, and of its state.
    """

    value: int
    reverse: bool = False
    per: Per = "step"
    state: tuple[int, int] | None = None


@final
@dataclass(frozen=True, slots=True)
class Unrolling:
    """A Recurrent of a sweep.

    Attributes:
        node: the number of its node in the model.
        number: that of its node in the sweep.
        reverse: True if it runs from the last step to the first.
        given: the static values that its states start from, None for those that start from their
            own; () if all do.
        final: the static values that are its states after the last step; () if nothing takes them.
    """

    node: int
    number: int
    reverse: bool
    given: tuple[int | None, ...] = ()
    final: tuple[int, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class Ending:
    """What becomes of an output of a sweep.

    Attributes:
        value: the number of the value of the model.
        reverse: True if the sweep computes it in the reverse direction.
        edge: True if other sweeps read it.
        once: True if they do so by one input alone.
        reductions: the nodes of the model that reduce it to static values.
        result: True if it is an output of the model.
    """

    value: int
    reverse: bool
    edge: bool = False
    once: bool = False
    reductions: tuple[Node, ...] = ()
    result: bool = False


@final
@dataclass(frozen=True, slots=True)
class Sweep:
    """A graph of layers and plain Recurrents over one time axis.

    Attributes:
        level: sweeps of a level depend on those of lower levels alone.
        axis: the name of the time axis.
        graph: what runs; its parameters are the model's, by the model's paths.
        inputs, outputs: those of the graph, in order.
        unrollings: its Recurrents, in the order of its nodes.
    """

    level: int
    axis: str
    graph: Graph
    inputs: tuple[Source, ...]
    outputs: tuple[Ending, ...]
    unrollings: tuple[Unrolling, ...]


@final
@dataclass(frozen=True, slots=True)
class StaticStage:
    """Nodes between sweeps, whose values are static: they run once.

    Attributes:
        level: it runs before the sweeps of that level.
        nodes: nodes of the model, in order.
    """

    level: int
    nodes: tuple[Node, ...]


Stage: TypeAlias = Sweep | StaticStage
