"""Nodes of ONNX that reduce: over the steps, over the features."""

from __future__ import annotations

from rnnbp.graph.over_time.largest import MaxOverTime
from rnnbp.graph.over_time.mean import MeanOverTime
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import TIME, Axis, Masked, Summed, Tensor, normal_axis
from rnnbp.interchange.onnx_in.parts import LENGTHS
from rnnbp.interchange.onnx_in.shapes import axes_text, last_axis
from rnnbp.layers import Mean, Sum
from rnnbp.layers.base import Layer

OVER_TIME: dict[str, type[MeanOverTime] | type[MaxOverTime]] = {
    "ReduceMean": MeanOverTime,
    "ReduceMax": MaxOverTime,
}
LOWEST = -1e30
"""A number that is never the largest of a series."""
OVER_FEATURES: dict[str, type[Layer]] = {"ReduceMean": Mean, "ReduceSum": Sum}


@reads("ReduceMean", "ReduceMax", "ReduceSum")
def reduced(call: Call) -> Results:
    """Means, maxima and sums along one axis."""
    given, kind = call.tensor(), call.node.op_type
    found = call.ints(1, "axes")
    call.attribute("noop_with_empty_axes", 0)
    axes = sorted(normal_axis(a, len(given.axes)) for a in found or range(len(given.axes)))
    reduced_axes = tuple([given.axes[k] for k in axes])
    if reduced_axes == (TIME,) and kind in OVER_TIME:
        if not isinstance(given, Masked) or given.fill > LOWEST:
            call.scope.refuse_lengths(call, "reduces over all steps", LENGTHS)
        value = call.scope.apply(OVER_TIME[kind](), given.value)
    elif reduced_axes == (TIME,) and kind == "ReduceSum":
        masked = isinstance(given, Masked) and given.fill == 0
        return Summed(given.value, _left(call, given, axes), masked)
    elif axes == [len(given.axes) - 1] and kind in OVER_FEATURES and reduced_axes != (TIME,):
        value = call.scope.apply(OVER_FEATURES[kind](), last_axis(call, given))
    else:
        call.refuse(
            f"reduces {axes_text(reduced_axes)} of {axes_text(given.axes)}",
            "reduce over time by ReduceMean or ReduceMax, over the last axis of features by "
            "ReduceMean or ReduceSum",
        )
    return Tensor(value, _left(call, given, axes))


def _left(call: Call, given: Tensor, axes: list[int]) -> tuple[Axis, ...]:
    """The axes of what is left."""
    keeps = call.attribute("keepdims", 1)
    pairs = enumerate(given.axes)
    return tuple([1 if k in axes else a for k, a in pairs if keeps or k not in axes])
