"""The arguments of a run of a network over time, checked before any arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import final

from rnnbp.bptt.networks import Reading
from rnnbp.checks.kinds import is_stream
from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.model_split import symbol_layers
from rnnbp.inputs.axes import likely_error, stated_shape
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.padded import Padded
from rnnbp.inputs.passed import Form, passed
from rnnbp.inputs.pose import dtype_without_parameters
from rnnbp.inputs.series import series
from rnnbp.inputs.states import states_of_blocks
from rnnbp.inputs.static_inputs import checked_statics, static_input
from rnnbp.inputs.x_checks import check_axes, check_values
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array, Shape, ShapeError, flag
from rnnbp.runners.refused import backend_for
from rnnbp.sweeps.axis_chunks import rows_by_axis
from rnnbp.sweeps.by_axis import axes_of, chunks_by_axis
from rnnbp.sweeps.lengths import Lengths, lengths_by_axis
from rnnbp.sweeps.network import PosedNetwork, recurrent_nodes, with_whole
from rnnbp.sweeps.recurrent_nodes import given_states, recurrent_of_node
from rnnbp.sweeps.resets import resets_by_axis


def pose_network(graph: Graph, x: InputsLike, reading: Reading) -> PosedNetwork:
    """Check the arguments of a run of a network, as ``as_network`` returns it.

    Raises ShapeError, DtypeError, ValueError or TypeError.
    """
    found, chosen = _Inputs(graph, x), backend_for(graph, reading.backend)
    lengths = lengths_by_axis(reading.lengths, found.steps, found.batch)
    read = found.checked(lengths)
    chunks = chunks_by_axis("chunk", list(lengths), reading.chunk)
    nodes = recurrent_nodes(graph)
    blocks = [block for node in nodes if (block := recurrent_of_node(node)) is not None]
    states, filled, _ = states_of_blocks(blocks, reading.state, found.batch, found.dtype)
    numbers = [node.number for node in nodes]
    _check_given_states(nodes, filled)
    return PosedNetwork(
        graph,
        found.form,
        found.series,
        {k: array for k, (array, _) in read.items()},
        frozenset(k for k, (_, copied) in read.items() if copied),
        found.dtype,
        lengths,
        rows_by_axis(graph, found.features, lengths, chunks),
        resets_by_axis(reading.reset, found.steps, found.batch),
        dict(zip(numbers, states, strict=True)),
        frozenset(k for k, yes in zip(numbers, filled, strict=True) if yes),
        with_whole(graph, found.shapes(), found.axes, lengths),
        found.axes,
        chosen,
        flag("training", reading.training),
    )


def _check_given_states(nodes: Sequence[Node], filled: Sequence[bool]) -> None:
    """Raise TypeError for a state that is passed to a Recurrent that starts from values."""
    for k, (node, passed_one) in enumerate(zip(nodes, filled, strict=True)):
        if passed_one and any(value is not None for value in given_states(node)):
            raise TypeError(
                f"state {k} is that of {recurrent_of_node(node)}, which starts from values of the "
                "network, as rnn(x, state=...) says; give None for it"
            )


@final
class _Inputs:
    """The inputs of a network, with axes that fit it and one another."""

    def __init__(self, graph: Graph, x: InputsLike) -> None:
        self.graph, self.axes = graph, value_axes(graph)
        values, self.form = passed(graph, x)
        label, count = self.form.label, range(len(graph.pers))
        self.symbols = [tuple(symbol_layers(graph, k)) for k in count]
        kinds = {per: [k for k in count if graph.pers[k] == per] for per in ("step", "sequence")}
        axes_of(graph)  # raises if there is no series
        self.series = {k: _series(label(k), values[k], self.symbols[k]) for k in kinds["step"]}
        self.steps, self.batch = _axes_agree(self.series, self.axes, self.form)
        self.static = {
            k: static_input(label(k), values[k], self.batch, stated_shape(graph, k))
            for k in kinds["sequence"]
        }
        every: list[Held | Array] = [*self.series.values(), *self.static.values()]
        self.dtype = graph.dtype or dtype_without_parameters(every, self.symbols)

    def checked(self, lengths: Mapping[str, Lengths]) -> dict[int, tuple[Array, bool]]:
        """(a static input as layers read it, whether that is a copy), by number; after a look at
        the values of all inputs, series up to the end of each row.
        """
        label = self.form.label
        for k, part in self.series.items():
            check = partial(check_values, label(k), self.symbols[k], self.dtype)
            of = lengths[self.axes[k]]
            (Padded(part, of.of_rows) if of.short else part).check(check)
        return checked_statics(self.graph, self.static, label, self.symbols, self.dtype)

    @property
    def features(self) -> list[Shape]:
        """The feature shapes of the inputs."""
        found: dict[int, Held | Array] = {**self.series, **self.static}
        return [found[k].shape[1:] for k in range(len(self.graph.pers))]

    def shapes(self) -> list[Shape | None]:
        """The feature shapes of all values. Raises ShapeError where the inputs do not fit."""
        graph, label = self.graph, self.form.label
        try:
            return graph.value_shapes(*self.features)
        except ShapeError:
            for k, part in self.series.items():
                if (likely := likely_error(part, graph, k, label(k))) is not None:
                    raise likely from None
            raise


def _series(label: str, given: InputsLike, symbols: tuple[Symbols, ...]) -> Held:
    """An input that is a series, whose values are not looked at."""
    if is_stream(given):
        raise TypeError(
            f"{label} is a stream, and a network over time reads it from both ends; give an "
            "array, or a memory map"
        )
    found = series(label, given)
    assert isinstance(found, Held)
    check_axes(found, symbols, label)
    return found


def _axes_agree(
    found: Mapping[int, Held], axes: Sequence[str], form: Form
) -> tuple[dict[str, int], int]:
    """(T by axis, B). Raises ShapeError where series of an axis, or the batches, differ."""
    firsts: dict[str, int] = {}
    first = next(iter(found))
    for k, part in found.items():
        if part.shape[0] != found[first].shape[0]:
            raise ShapeError(
                f"{form.label(first)} has B = {found[first].shape[0]} sequences, and "
                f"{form.label(k)} {part.shape[0]}: axis 1 of series is the batch; give the same "
                "sequences"
            )
        other = firsts.setdefault(axes[k], k)
        if part.steps != found[other].steps:
            raise ShapeError(
                f"{form.label(other)} has T = {found[other].steps} steps, and {form.label(k)} "
                f"{part.steps}, both of axis {axes[k]!r}; end them alike, or give their Inputs "
                "axes of their own"
            )
    return {axis: found[k].steps for axis, k in firsts.items()}, found[first].shape[0]
