"""The names, dtypes and axes of the inputs and outputs of the graph."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.graph.values import TIME
from rnnbp.interchange.onnx_out.applied import Applied

LENGTHS = "lengths"


def time_axes(graph: Graph) -> list[str]:
    """The time axes of a network, by the first input of each."""
    given = graph.axes or [TIME if per == "step" else "" for per in graph.pers]
    return list(dict.fromkeys(axis for axis in given if axis))


def length_names(axes: Sequence[str]) -> dict[str, str]:
    """By time axis, the name of the input of lengths."""
    return {axis: LENGTHS if len(axes) == 1 else f"{LENGTHS}_{axis}" for axis in axes}


def numbered(names: Sequence[str], usual: str) -> list[str]:
    """Names of inputs or outputs, with ``usual`` in the place of those left out."""
    several = len(names) > 1
    return [name or (f"{usual}{k}" if several else usual) for k, name in enumerate(names)]


def state_names(recurrents: Sequence[Applied], first: str) -> dict[tuple[int, str], str]:
    """By Recurrent and state, the name of its initial or final value."""
    several = len(recurrents) > 1
    return {
        (one.number, name): f"{first}_{name}_{one.number}" if several else f"{first}_{name}"
        for one in recurrents
        for name in one.names
    }


def is_symbols(graph: Graph, k: int) -> bool:
    """True if an input is integers."""
    return next(symbol_layers(graph, k), None) is not None
