"""The outputs of an ONNX graph in reading, and the model that has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnbp.graph.graph import Graph
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.operands import UnreadableModelError, shape_of_end
from rnnbp.interchange.onnx_in.scope import Scope

if TYPE_CHECKING:
    from onnx import ValueInfoProto


def finished(scope: Scope, inputs: Sequence[Value]) -> Graph:
    """The model of the outputs: a chain where it is one."""
    ends = {each.name: _end(scope, each) for each in scope.graph.output}
    if len(scope.lengths) > 1:
        raise UnreadableModelError(
            "some recurrent nodes have sequence_lens, and others none, or other ones; a run has "
            "one lengths= for all of them"
        )
    blocks = _chain(scope, inputs, list(ends.values()))
    if blocks:
        return Sequential(*blocks)
    used = [value for value in inputs if value.name]
    given = used[0] if len(used) == 1 else used
    return Graph(given, next(iter(ends.values())) if len(ends) == 1 else ends)


def _end(scope: Scope, info: ValueInfoProto) -> Value:
    """The value of an output, without axes of 1 before the batch, as those of directions."""
    found = scope.result(info.name)
    if any(isinstance(a, str) and len(a) > 1 for a in found.axes):
        raise UnreadableModelError(
            f"output {info.name} has steps and sequences along one axis; keep them apart"
        )
    return scope.shaped(found, shape_of_end(found.axes))


def _chain(scope: Scope, inputs: Sequence[Value], ends: Sequence[Value]) -> list[Item]:
    """The blocks of a chain from the only input to the only output; [] if there is none."""
    if len(inputs) != 1 or len(ends) != 1:
        return []
    blocks, value = list[Item](), ends[0]
    while value is not inputs[0]:
        block, values = scope.records.get(id(value), (None, ()))
        if block is None or len(values) != 1 or block.n_outputs > 1:
            return []
        blocks.insert(0, block)
        value = values[0]
    return blocks
