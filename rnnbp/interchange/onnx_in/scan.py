"""Nodes Scan of ONNX, whose body is the step of a cell."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import (
    BATCH,
    TIME,
    Flipped,
    Live,
    Operand,
    Tensor,
    shape_of,
)
from rnnbp.interchange.onnx_in.scan_body import Begin, Body, read_body
from rnnbp.interchange.onnx_in.shapes import axes_text, operand


@reads("Scan")
def scanned(call: Call) -> Results:
    """A Recurrent of a cell, which is the body."""
    count = call.attribute("num_scan_inputs", 1)
    states = len(call.operands) - count
    graph = call.graph("body")
    outputs = len(graph.output) - states
    reverse = _reverse(call, count, outputs)
    places = call.attribute("scan_input_axes", [0] * count)
    begins = [_begin(call, k) for k in range(states)]
    series = [_series(call, states + k, axis) for k, axis in enumerate(places)]
    turned = _turned(call, [call.get(states + k) for k in range(count)])
    body = read_body(call, graph, begins, series)
    learned = any(each.numbers is not None for each in begins)
    dtype = next(iter(call.scope.dtypes), np.dtype(np.float32))
    initial = "learned" if learned else "zeros"
    rnn = Recurrent(
        body.cell, initial=initial, reverse=reverse != turned, dtype=dtype if learned else None
    )
    for array, begin in zip(rnn.initial.values(), begins, strict=False):
        array[...] = 0 if begin.numbers is None else begin.numbers
    made = _outputs(call, rnn, body, begins, outputs)
    return tuple([_flipped(each) for each in made]) if turned else made


def _reverse(call: Call, inputs: int, outputs: int) -> bool:
    """Whether it runs from the last step to the first, with all that it reads and writes."""
    ways = {
        *call.attribute("scan_input_directions", [0] * inputs),
        *call.attribute("scan_output_directions", [0] * outputs),
    }
    if len(ways) > 1:
        call.refuse(
            "attributes scan_input_directions and scan_output_directions differ",
            "run all in one direction",
        )
    return ways == {1}


def _begin(call: Call, k: int) -> Begin:
    """State k, and what it begins with."""
    given = operand(call, k)
    if given.axes[:1] != (BATCH,) or not all(isinstance(a, int) for a in given.axes[1:]):
        call.refuse(
            f"its state {k} has axes {axes_text(given.axes)}, expected (batch, features)",
            "give each sequence its state",
        )
    if isinstance(given, Tensor):
        return Begin(given.axes, call.scope.shaped(given))
    zeros = given.number == 0
    return Begin(given.axes, None, None if zeros else given.array.reshape(shape_of(given.axes)))


def _turned(call: Call, series: Sequence[Operand | None]) -> bool:
    """Whether the series have been turned round within their lengths."""
    ways = {isinstance(each, Flipped) for each in series if not isinstance(each, Live)}
    if len(ways) > 1:
        call.refuse("some of its inputs are turned round, and others not", "turn all of them")
    return ways == {True}


def _flipped(result: Operand | None) -> Operand | None:
    """A series that is still turned round; a final state as it is."""
    if isinstance(result, Tensor) and result.has(TIME):
        return Flipped(result.value, result.axes)
    return result


def _series(call: Call, k: int, axis: int) -> Tensor | Live:
    """Input k, of which the body sees a step; its time axis is left out."""
    mask = call.get(k)
    if isinstance(mask, Live):
        return mask
    given = Tensor(mask.value, mask.axes) if isinstance(mask, Flipped) else call.tensor(k)
    if given.axes[axis] != TIME:
        call.refuse(
            f"runs along axis {axis} of {axes_text(given.axes)}, which is not time",
            "scan over time alone",
        )
    rest = tuple([a for j, a in enumerate(given.axes) if j != axis % len(given.axes)])
    return Tensor(call.scope.shaped(given), rest)


def _outputs(
    call: Call, rnn: Recurrent, body: Body, begins: Sequence[Begin], outputs: int
) -> tuple[Operand | None, ...]:
    """Final states, those that are used, and series."""
    count = len(begins)
    wanted = any(call.wanted(k) for k in range(count))
    given = [each.value for each in begins]
    state = tuple(given) if any(v is not None for v in given) else None
    made = rnn(*body.inputs, state=state, return_state=wanted)
    y, final = made if wanted else (made, ())
    if not wanted and state is None:
        call.scope.record(y, rnn, tuple(body.inputs))
    finals = final if isinstance(final, tuple) else (final,)
    found: list[Operand | None] = [None] * count
    found[: len(finals)] = [
        Tensor(value, begin.axes) for value, begin in zip(finals, begins, strict=False)
    ]
    axes = call.attribute("scan_output_axes", [0] * outputs)
    at = 0
    for end, axis in zip(body.ends[:outputs], axes, strict=True):
        size = math.prod(end.features)
        part = call.scope.part(y, at, at + size)
        place = axis % (len(end.axes) + 1)
        found.append(Tensor(part, (*end.axes[:place], TIME, *end.axes[place:])))
        at += size
    return tuple(found)
