"""What a graph of ONNX computes with the lengths of sequences, which a run here takes by itself.

These are masks of steps, the last step of each row, sums over the steps that are there, and rows
turned round within their lengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from rnnbp.graph.over_time.last import Last
from rnnbp.graph.over_time.mean import MeanOverTime
from rnnbp.interchange.onnx_in.nodes import Call, Reading, Results, reads
from rnnbp.interchange.onnx_in.operands import (
    BATCH,
    TIME,
    Axes,
    Const,
    Flipped,
    LastSteps,
    Lengths,
    Live,
    Masked,
    Operand,
    Steps,
    Summed,
    Tensor,
    whole,
)

Marked: TypeAlias = Lengths | Steps | Live | LastSteps | Summed | Flipped
CURE = "use lengths for sequence_lens, and as to_onnx writes them"


def of_lengths(call: Call) -> Results | None:
    """The result of a node of which an operand is one of lengths; None for other nodes."""
    marked = any(isinstance(each, Marked) for each in call.operands)
    reading = _READINGS.get(call.node.op_type)
    return reading(call) if marked and reading is not None else None


@reads("Range")
def numbers(call: Call) -> Results:
    """The numbers of all steps, or of all sequences."""
    start, limit, step = (call.get(k) for k in range(3))
    numbers = [each.number for each in (start, step) if isinstance(each, Const)]
    end = whole(limit) if isinstance(limit, Const) else []
    if numbers != [0, 1] or end not in ([TIME], [BATCH]):
        call.refuse("counts other things than steps or sequences", CURE)
    return Steps(str(end[0]))


@reads("ReverseSequence")
def flipped(call: Call) -> Results:
    """A series turned round, or turned back."""
    given, time = call.get(0), call.attribute("time_axis", 0)
    call.attribute("batch_axis", 1)
    if isinstance(given, Flipped) and isinstance(call.get(1), Lengths):
        return Tensor(given.value, given.axes)
    tensor = call.tensor()
    if tensor.axes[time] != TIME or not isinstance(call.get(1), Lengths):
        call.refuse("turns other rows than those of its lengths", CURE)
    return Flipped(tensor.value, tensor.axes)


@reads("GatherND")
def last(call: Call) -> Results:
    """The last step of each row."""
    given, where = call.tensor(), call.get(1)
    call.attribute("batch_dims", 0)
    if not isinstance(where, LastSteps) or given.axes[:2] != where.axes:
        call.refuse("takes elements whose places are computed", CURE)
    return Tensor(call.scope.apply(Last(), given.value), (BATCH, *given.axes[2:]))


def _same(call: Call) -> Operand:
    """Nodes that leave lengths, and masks, what they are."""
    for name in ("to", "saturate", "axes", "allowzero"):
        call.attribute(name, 0)
    found = call.get(0)
    if found is None or isinstance(found, Tensor | Const):
        call.refuse("computes with lengths", CURE)
    return found


def _less_one(call: Call) -> Operand:
    lengths, one = call.get(0), call.get(1)
    if not isinstance(lengths, Lengths) or not isinstance(one, Const) or one.number != 1:
        call.refuse("subtracts from lengths", CURE)
    return replace(lengths, last=True)


@reads("Less")
def _live(call: Call) -> Results:
    """Which steps are there."""
    steps, lengths = call.get(0), call.get(1)
    if not isinstance(steps, Steps) or not isinstance(lengths, Lengths) or lengths.last:
        call.refuse("compares lengths with other things than the numbers of steps", CURE)
    return Live(lengths.name)


def _places(call: Call) -> Operand:
    """The places of last steps, whose parts are lengths less one and the numbers of sequences."""
    call.attribute("axis", 0)
    axes: Axes = tuple([TIME if isinstance(each, Lengths) else BATCH for each in call.operands])
    parts = [each for each in call.operands if isinstance(each, Lengths) and each.last]
    if len(parts) != 1 or len(axes) != 2 or not any(isinstance(a, Steps) for a in call.operands):
        call.refuse("joins lengths with other things", CURE)
    return LastSteps(axes)


def _where(call: Call) -> Operand:
    """A series that is a number past its end, or a state that stays."""
    live, new = call.get(0), call.tensor(1)
    old = call.get(2)
    if not isinstance(live, Live):
        call.refuse("chooses by lengths", CURE)
    if isinstance(old, Const) and old.number is not None:
        return Masked(new.value, new.axes, old.number)
    if not isinstance(old, Tensor) or old.value.source is not None or new.has(TIME):
        call.refuse("chooses between two values by lengths", CURE)
    call.scope.lengths.add(live.name)
    return new


def _mean(call: Call) -> Operand:
    """A sum over the steps, divided by how many there are."""
    total, count = call.get(0), call.get(1)
    if not isinstance(total, Summed):
        call.refuse("divides by lengths", CURE)
    by_length = isinstance(count, Lengths) and not count.last and total.masked
    by_steps = isinstance(count, Const) and whole(count) == [TIME]
    if not by_length and not by_steps:
        call.refuse("is a sum over time that is divided by other things than its steps", CURE)
    if by_steps:
        call.scope.refuse_lengths(call, "divides by all steps", CURE)
    return Tensor(call.scope.apply(MeanOverTime(), total.value), total.axes)


_READINGS: Mapping[str, Reading] = {
    "Cast": _same,
    "Identity": _same,
    "Unsqueeze": _same,
    "Squeeze": _same,
    "Reshape": _same,
    "Sub": _less_one,
    "Concat": _places,
    "Where": _where,
    "Div": _mean,
}
"""By operator, what reads nodes of lengths."""
