"""The inputs of a source against a model's: which are static, and which share a time axis."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.numerics import ShapeError
from rnnbp.train.batches import Batches
from rnnbp.train.data import Sequences
from rnnbp.train.ended_rows import ListRows
from rnnbp.train.examples import Examples
from rnnbp.train.item_outputs import Outputs
from rnnbp.train.items import Layout
from rnnbp.train.row_options import axis_of_input
from rnnbp.train.several_given import named_static
from rnnbp.train.several_rows import SeveralRows
from rnnbp.train.time_axes import TimeAxis
from rnnbp.train.windows import Windows


def check_inputs(graph: Graph, source: object) -> None:
    """Raise ShapeError for inputs of a source of ours that are not what the model's are, TypeError
    for several of a model of one. Names that the model does not have are left to ``bptt``.
    """
    if isinstance(source, Batches):
        source.serve(Outputs.of_graph(graph))
        _check_layout(graph, source.layout)
    if not isinstance(source, Sequences | Examples | Windows):
        return
    x = source.recordings[0].x if isinstance(source, Windows) else source.x
    if not isinstance(x, SeveralRows):
        return
    if x.form.keys is None and len(graph.pers) == 1:
        raise TypeError(
            f"{type(source).__name__}: x is a tuple, of {len(x.parts)} inputs in order, and the "
            "model has one input; give sequences as a list or an array"
        )
    _check_static(graph, type(source).__name__, x)
    if isinstance(source, Sequences):
        _check_axes(graph, source.axes)
        _check_ends(graph, x, source.axes)


def _check_static(graph: Graph, place: str, x: SeveralRows) -> None:
    """Raise ShapeError for an input that is static in the model alone, or in the source alone."""
    for k in range(len(x.parts)):
        number = _number(graph, x.form.key(k))
        per = graph.pers[number] if number < len(graph.pers) else ""
        label, shape = x.form.label(k), x.parts[k].shape
        if per == "sequence" and k not in x.static:
            raise ShapeError(
                f"{place}: {label}, of shape {shape}, is read as a value for each step, and the "
                f"model takes one for each sequence, by per='sequence'; say {x.as_static(k)}"
            )
        if per == "step" and k in x.static:
            raise ShapeError(
                f"{place}: static names {label}, and the model takes a value for each step; leave it "
                "out of static, or build the model with Input(..., per='sequence')"
            )


def _check_layout(graph: Graph, layout: Layout) -> None:
    """Raise ShapeError for a static input of the model that the items' axes are turned of."""
    if layout.static is None or not (layout.batch_first or layout.last):
        return
    named = named_static("Batches", layout.static)
    for k, (name, per) in enumerate(zip(graph.input_names, graph.pers, strict=True)):
        if per == "sequence" and k not in named and name not in named:
            key = k if not name or any(isinstance(each, int) for each in named) else name
            raise ShapeError(
                f"Batches: input {name or k!r} of the model has one value for each sequence, by "
                f"per='sequence', and its axes would be turned; say static={[*named, key]}"
            )


def _check_axes(graph: Graph, axes: tuple[TimeAxis, ...]) -> None:
    """Raise ShapeError for inputs of one axis of the model that differ in T."""
    steps = dict[str, TimeAxis]()
    for axis in axes:
        for name in model_axes(graph, axis):
            known = steps.setdefault(name, axis)
            if known.lead.steps != axis.lead.steps and not _ragged(known, axis):
                raise ShapeError(
                    f"Sequences: {label_of(axis, 0)} has {axis.lead.steps} steps, {label_of(known, 0)} "
                    f"{known.lead.steps}, and both are of the time axis {name!r} of the model; give "
                    f"both the same, or the model an axis more, as Input(n, 'f', axis='f')"
                )


def _check_ends(graph: Graph, x: SeveralRows, axes: tuple[TimeAxis, ...]) -> None:
    """Raise ShapeError for an array that is taken to end as a list of another axis of the model."""
    parts = {x.form.key(k): part for k, part in enumerate(x.parts)}
    for axis in axes:
        names = dict(zip(axis.keys, model_axes(graph, axis), strict=True))
        lists = [key for key in names if isinstance(parts[key], ListRows)]
        for key, name in names.items():
            if lists and key not in lists and name != names[lists[0]]:
                raise ShapeError(
                    f"Sequences: x[{key!r}] is an array of {axis.lead.steps} steps, as the longest "
                    f"of x[{lists[0]!r}] has, and is taken to end with these, but the model has two "
                    f"time axes, {names[lists[0]]!r} and {name!r}; give both as lists of sequences"
                )


def _ragged(*axes: TimeAxis) -> bool:
    """True if rows say which of them end differently, which a batch has an error for."""
    return all(axis.lengths is not None for axis in axes)


def model_axes(graph: Graph, axis: TimeAxis) -> list[str]:
    """The axes of the model that inputs of an axis have, in order."""
    return [axis_of_input(graph, key) for key in axis.keys]


def _number(graph: Graph, key: str | int) -> int:
    """The number of an input; one more than there are for a name that the model does not have."""
    names = graph.input_names
    return key if isinstance(key, int) else names.index(key) if key in names else len(names)


def label_of(axis: TimeAxis, k: int) -> str:
    """The words for an input of an axis in errors."""
    return f"x[{axis.keys[k]!r}]"
