"""Nodes Scan of ONNX, whose body is the step of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.graph.cell import Cell
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State, Value
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import BATCH, TIME, Axes, Const, Operand, Tensor, sizes
from rnnbp.interchange.onnx_in.running import fold_constants, run_nodes
from rnnbp.interchange.onnx_in.scope import Scope, names_of
from rnnbp.interchange.onnx_in.shapes import axes_text, operand
from rnnbp.numerics import Array, Shape

if TYPE_CHECKING:
    from onnx import GraphProto


@dataclass(frozen=True)
class Begin:
    """A state of a Scan: its axes in the body, and what it begins with, zeros without either."""

    axes: Axes
    value: Value | None = None
    numbers: Array | None = None

    @property
    def shape(self) -> Shape:
        return _shape(self.axes)


@dataclass(frozen=True)
class Body:
    """What the body of a Scan has been read into.

    Attributes:
        cell: the step, whose output has all outputs of the body one after the other.
        inputs: what it is called on.
        ends: the outputs of the body.
    """

    cell: Cell
    inputs: list[Value]
    ends: list[Tensor]


def _shape(axes: Axes) -> Shape:
    return sizes(axes) or (1,)


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
    body = _read(call, graph, begins, series)
    learned = any(each.numbers is not None for each in begins)
    dtype = next(iter(call.scope.dtypes), np.dtype(np.float32))
    initial = "learned" if learned else "zeros"
    rnn = Recurrent(body.cell, initial=initial, reverse=reverse, dtype=dtype if learned else None)
    for array, begin in zip(rnn.initial.values(), begins, strict=False):
        array[...] = 0 if begin.numbers is None else begin.numbers
    return _outputs(call, rnn, body, begins, outputs)


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
    return Begin(given.axes, None, None if zeros else given.array.reshape(_shape(given.axes)))


def _series(call: Call, k: int, axis: int) -> Tensor:
    """Input k, of which the body sees a step; its time axis is left out."""
    given = call.tensor(k)
    if given.axes[axis] != TIME:
        call.refuse(
            f"runs along axis {axis} of {axes_text(given.axes)}, which is not time",
            "scan over time alone",
        )
    rest = tuple([a for j, a in enumerate(given.axes) if j != axis % len(given.axes)])
    return Tensor(call.scope.shaped(given), rest)


def _read(call: Call, graph: GraphProto, begins: Sequence[Begin], series: Sequence[Tensor]) -> Body:
    """The body as a cell."""
    outer = call.scope
    known: dict[str, Operand] = {
        name: each for name, each in outer.operands.items() if isinstance(each, Const)
    }
    inner = Scope(outer.onnx, graph, outer.opset, known)
    inner.dtypes, inner.sizes = outer.dtypes, outer.sizes
    weights = [(each.name, each) for each in graph.initializer]
    inner.operands |= {name: Const.of(outer.array(each), learned=True) for name, each in weights}
    names = [each.name for each in graph.input]
    states = [State(begin.shape, f"s{k}") for k, begin in enumerate(begins)]
    steps = [Input(_shape(each.axes)) for each in series]
    given = [Tensor(s, begin.axes) for s, begin in zip(states, begins, strict=True)]
    given += [Tensor(x, each.axes) for x, each in zip(steps, series, strict=True)]
    inner.operands.update(zip(names, given, strict=True))
    static = _static(call, inner)
    fold_constants(inner)
    run_nodes(inner)
    ends = [inner.result(each.name) for each in graph.output]
    new = {
        state: inner.shaped(end, begin.shape)
        for state, end, begin in zip(states, ends, begins, strict=False)
    }
    found = ends[len(states) :] or ends[:1]
    vectors = [inner.vector(each) for each in found]
    joined = inner.joined(vectors, [(v.shape or (1,))[0] for v in vectors])
    cell = Cell((*steps, *(value for value, _ in static)), new, output=joined)
    return Body(cell, [each.value for each in series] + [each for _, each in static], found)


def _static(call: Call, inner: Scope) -> list[tuple[Value, Value]]:
    """The inputs of a body for values of the graph around it: one for each sequence."""
    found = []
    for name in dict.fromkeys(names_of(call.node)):
        each = call.scope.operands.get(name)
        if name in call.node.input or not isinstance(each, Tensor):
            continue
        if each.has(TIME):
            call.refuse(f"its body reads {name}, a series", "make it an input of the Scan")
        value = Input(_shape(each.axes), per="sequence")
        inner.operands[name] = Tensor(value, each.axes)
        found.append((value, call.scope.shaped(each)))
    return found


def _outputs(
    call: Call, rnn: Recurrent, body: Body, begins: Sequence[Begin], outputs: int
) -> Results:
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
        size = int(np.prod(_shape(end.axes)))
        part = call.scope.part(y, at, at + size)
        place = axis % (len(end.axes) + 1)
        found.append(Tensor(part, (*end.axes[:place], TIME, *end.axes[place:])))
        at += size
    return tuple(found)
