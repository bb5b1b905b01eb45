"""The names, dtypes and axes of the inputs and outputs of the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.graph.values import TIME
from rnnbp.interchange.onnx_out.applied import Applied, applied

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


@final
class EndNames:
    """The names of the inputs and outputs of the graph.

    Raises ValueError where an input or output of the network is called as one of a state's or of
    lengths.

    Attributes:
        inputs, outputs: those of the network.
        lengths: by time axis.
        first, final: by Recurrent and state, the initial and final states.
    """

    def __init__(self, graph: Graph, *, lengths: bool, states: bool) -> None:
        self.recurrents = list(applied(graph).values())
        self.inputs = numbered(graph.input_names, "x")
        outputs = numbered(graph.output_names, "y")
        self.outputs = [f"y_{name}" if name in self.inputs else name for name in outputs]
        self.lengths = length_names(time_axes(graph)) if lengths else {}
        self.first = state_names(self.recurrents, "initial") if states else {}
        self.final = state_names(self.recurrents, "final") if states else {}
        further = {*self.lengths.values(), *self.first.values(), *self.final.values()}
        own = {*self.inputs, *self.outputs}
        for name in sorted(own & further):
            raise ValueError(
                f"to_onnx: the model has an input or output {name!r}, and so has the file for its "
                "lengths or states; give the Input or output another name"
            )
        self.all = own | further

    def starts(self) -> dict[tuple[int, str], str]:
        """The initial states that are inputs: those that no value of the graph is."""
        free = {
            (one.number, name)
            for one in self.recurrents
            for name, start in zip(one.names, one.starts, strict=True)
            if start is None
        }
        return {key: name for key, name in self.first.items() if key in free}
