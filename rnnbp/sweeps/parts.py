"""The names of sweeps: of their layers, and of the parts of a network that budgets are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.graph.graph import Graph, Node
from rnnbp.layers.base import Layer
from rnnbp.planning.layer_names import names
from rnnbp.support.nearest import hint
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node
from rnnbp.sweeps.stage import Sweep


def layer_of_value(graph: Graph, value: int) -> str:
    """The name of the layer that computes a value; of an input its name."""
    for node, name in zip(graph.nodes, names(graph), strict=True):
        if value in node.outs:
            return name
    return graph.input_names[value] or "x"


def recurrent_names(graph: Graph, sweep: Sweep) -> list[tuple[str, bool]]:
    """(name, whether it runs in reverse) of each Recurrent of a sweep."""
    found = {node.number: name for node, name in zip(graph.nodes, names(graph), strict=True)}
    return [(found[each.node], each.reverse) for each in sweep.unrollings]


def layers_of(graph: Graph, sweep: Sweep) -> tuple[str, ...]:
    """The names of a sweep's Recurrents; of its layers if there are none."""
    found = [f"{name} (reverse)" if back else name for name, back in recurrent_names(graph, sweep)]
    return tuple(found) or tuple(dict.fromkeys(_layers(sweep)))


def _layers(sweep: Sweep) -> list[str]:
    nodes: Sequence[Node] = sweep.graph.nodes
    layers = [node.block for node in nodes if isinstance(node.block, Layer)]
    return [layer.name or type(layer).__name__ for layer in layers] or ["no layers"]


def parts_of_sweeps(
    graph: Graph, sweeps: Sequence[Sweep], parts: Mapping[str, object]
) -> tuple[str, ...]:
    """For each sweep the part that it is of, "" for none.

    A part is named by a Recurrent, or by what the names of several begin with, as "encoder" of
    "encoder.forward"; by an output; or by a time axis. The first that fits a sweep is meant.

    Raises ValueError for a name that fits no sweep.
    """
    given = list(parts)
    own = [_names(graph, sweep) for sweep in sweeps]
    for part in given:
        if not any(_fits(part, name) for each in own for name in each):
            known = sorted({name for each in own for name in each})
            raise ValueError(
                f"budget has {part!r}, which names no part of the model{hint(part, known)}; parts "
                f"are named by Recurrents, outputs or time axes: {', '.join(map(repr, known))}"
            )
    return tuple([next((p for name in each for p in given if _fits(p, name)), "") for each in own])


def _names(graph: Graph, sweep: Sweep) -> list[str]:
    """What a sweep may be named by, the most special first."""
    outputs = zip(graph.output_names or (), graph.outputs, strict=False)
    results = {end.value for end in sweep.outputs if end.result}
    named = [name for name, value in outputs if name and value in results]
    return [*[name for name, _ in recurrent_names(graph, sweep)], *named, sweep.axis]


def _fits(part: str, name: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def recurrents_named(graph: Graph) -> list[str]:
    """The names of all Recurrents."""
    every = zip(graph.nodes, names(graph), strict=True)
    return [name for node, name in every if recurrent_of_node(node) is not None]
