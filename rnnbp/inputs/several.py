"""Several inputs of one run: they have the same steps and the same sequences."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.graph import Graph
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.passed import Form
from rnnbp.inputs.series import Series
from rnnbp.inputs.static_inputs import static_input
from rnnbp.inputs.streams import Stream
from rnnbp.numerics import Array, ShapeError


def agree(graph: Graph, found: dict[int, Series], form: Form) -> None:
    """Raise ShapeError unless all series have one T and one B, and the axes of a series.

    Streams are as long as arrays next to them.
    """
    for k, part in found.items():
        _check_series(graph, part, k, form)
    (first, x), *rest = found.items()
    for k, part in rest:
        if part.shape[0] != x.shape[0]:
            raise ShapeError(
                f"{form.label(first)} has B = {x.shape[0]} sequences, and {form.label(k)} "
                f"{part.shape[0]}: axis 1 of all inputs is the batch; give the same sequences"
            )
    held = {k: part.steps for k, part in found.items() if part.known}
    if not held:
        return
    known, steps = next(iter(held.items()))
    for k, other in held.items():
        if other != steps:
            raise ShapeError(
                f"{form.label(known)} has T = {steps} steps, and {form.label(k)} {other}: axis 0 "
                "of all inputs is time; end them alike"
            )
    for part in found.values():
        if isinstance(part, Stream):
            part.declared = steps


def _check_series(graph: Graph, part: Series, k: int, form: Form) -> None:
    """Raise ShapeError for what has the axes of a static input."""
    stated = stated_shape(graph, k)
    if isinstance(part, Held) and stated is not None and len(part.shape) == len(stated):
        features = ", ".join(map(str, stated))
        expected = f"(T, B, {features})" if stated else "(T, B)"
        raise ShapeError(
            f"{form.label(k)} is a series: expected {expected}, found shape "
            f"{(part.steps, *part.shape)}, an axis too few; give a value at each step, or make its "
            "Input per='sequence' if it is the same at all steps"
        )


def static_inputs(
    graph: Graph, values: Sequence[InputsLike], form: Form, batch: int
) -> dict[int, Array]:
    """The static inputs, by number, whose values are not looked at."""
    return {
        k: static_input(form.label(k), values[k], batch, stated_shape(graph, k))
        for k, per in enumerate(graph.pers)
        if per == "sequence"
    }
