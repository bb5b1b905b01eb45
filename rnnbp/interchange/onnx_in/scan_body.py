"""The body of a Scan as a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnbp.graph.cell import Cell
from rnnbp.graph.values import Input, State, Value
from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.interchange.onnx_in.operands import TIME, Axes, Const, Live, Operand, Tensor, shape_of
from rnnbp.interchange.onnx_in.running import fold_constants, run_nodes
from rnnbp.interchange.onnx_in.scope import Scope, names_of
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
        return shape_of(self.axes)


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


def read_body(
    call: Call, graph: GraphProto, begins: Sequence[Begin], series: Sequence[Tensor | Live]
) -> Body:
    """The body as a cell."""
    inner, states, steps = _scope(call, graph, begins, series)
    static = _static(call, inner)
    fold_constants(inner)
    run_nodes(inner)
    call.scope.lengths |= inner.lengths or {""}
    ends = [inner.result(each.name) for each in graph.output]
    new = {
        state: inner.shaped(end, begin.shape)
        for state, end, begin in zip(states, ends, begins, strict=False)
    }
    found = ends[len(states) :] or ends[:1]
    vectors = [inner.vector(each) for each in found]
    joined = inner.joined(vectors, [(v.shape or (1,))[0] for v in vectors])
    cell = Cell((*steps, *(value for value, _ in static)), new, output=joined)
    inputs = [each.value for each in series if isinstance(each, Tensor)]
    return Body(cell, [*inputs, *(each for _, each in static)], found)


def _scope(
    call: Call, graph: GraphProto, begins: Sequence[Begin], series: Sequence[Tensor | Live]
) -> tuple[Scope, list[Value], list[Value]]:
    """The body before it is read, its states and the inputs that have a value at each step."""
    outer = call.scope
    known: dict[str, Operand] = {
        name: each for name, each in outer.operands.items() if isinstance(each, Const)
    }
    inner = Scope(outer.onnx, graph, outer.opset, known)
    inner.dtypes, inner.sizes = outer.dtypes, outer.sizes
    weights = [(each.name, each) for each in graph.initializer]
    inner.operands |= {name: Const.of(outer.array(each), learned=True) for name, each in weights}
    states = [State(begin.shape, f"s{k}") for k, begin in enumerate(begins)]
    given: list[Operand] = [Tensor(s, b.axes) for s, b in zip(states, begins, strict=True)]
    steps = []
    for each in series:
        if isinstance(each, Tensor):
            steps.append(Input(shape_of(each.axes)))
            each = Tensor(steps[-1], each.axes)
        given.append(each)
    inner.operands.update(zip([each.name for each in graph.input], given, strict=True))
    return inner, states, steps


def _static(call: Call, inner: Scope) -> list[tuple[Value, Value]]:
    """The inputs of a body for values of the graph around it: one for each sequence."""
    found = []
    for name in dict.fromkeys(names_of(call.node)):
        each = call.scope.operands.get(name)
        if name in call.node.input or not isinstance(each, Tensor):
            continue
        if each.has(TIME):
            call.refuse(f"its body reads {name}, a series", "make it an input of the Scan")
        value = Input(shape_of(each.axes), per="sequence")
        inner.operands[name] = Tensor(value, each.axes)
        found.append((value, call.scope.shaped(each)))
    return found
