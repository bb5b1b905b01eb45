"""What the axes of a model's inputs may be: time, batch, features; the likeliest first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from types import ModuleType
from typing import TYPE_CHECKING

from rnnbp.graph.values import Per
from rnnbp.interchange.onnx_in.operands import (
    BATCH,
    TIME,
    Axes,
    Lengths,
    UnreadableModelError,
)

if TYPE_CHECKING:
    from onnx import GraphProto, ValueInfoProto


TRIES = 5000
"""Combinations of roles of inputs that are thought of, the likeliest first."""
RECURRENT = ("LSTM", "GRU", "RNN", "Scan")
OF_LENGTHS = {"LSTM": 4, "GRU": 4, "RNN": 4, "Less": 1, "ReverseSequence": 1}
"""By operator, which input is the lengths of sequences."""
PASSED = ("Cast", "Identity", "Squeeze", "Reshape", "Unsqueeze")
"""Operators through which lengths may come to a recurrent node."""


@dataclass(frozen=True)
class Supposed:
    """What one input may be.

    Attributes:
        axes: its axes.
        per: how often it changes.
        integers: whether it holds symbols.
        lengths: it is the lengths of sequences, and no value.
        fixed: by role, the size that the file says.
        doubt: how many axes have the name of another role.
    """

    axes: Axes = ()
    per: Per = "step"
    integers: bool = False
    lengths: Lengths | None = None
    fixed: Mapping[str, int] = field(default_factory=dict)
    doubt: int = 0


def supposed_inputs(
    onnx: ModuleType, graph: GraphProto, inputs: Sequence[ValueInfoProto]
) -> Iterator[tuple[Supposed, ...]]:
    """What all inputs may be; one of them has steps, where a node needs some."""
    timed = is_timed(graph) or any(_said(n) == TIME for x in inputs for n in _dims(x))
    all_of_them = islice(product(*_choices(onnx, graph, inputs, timed)), TRIES)
    for found in sorted(all_of_them, key=lambda found: sum(each.doubt for each in found)):
        if not timed or any(TIME in each.axes for each in found):
            yield found


def is_timed(graph: GraphProto) -> bool:
    """True if a node of a graph runs over time."""
    return any(node.op_type in RECURRENT for node in graph.node)


def _choices(
    onnx: ModuleType, graph: GraphProto, inputs: Sequence[ValueInfoProto], timed: bool
) -> list[list[Supposed]]:
    """For each input what it may be."""
    lengths = _lengths(graph)
    found = []
    for each in inputs:
        if each.name in lengths:
            found.append([Supposed(lengths=Lengths(each.name))])
            continue
        possible = list(_possible(onnx, each, timed))
        if not possible:
            raise UnreadableModelError(
                f"input {each.name} has shape {_dims(each)}; an input has axes of time and batch, "
                "and a known number of features: export the model with them"
            )
        found.append(possible)
    return found


def _lengths(graph: GraphProto) -> set[str]:
    """The inputs that recurrent nodes take as lengths."""
    made = {name: node for node in graph.node for name in node.output}
    found = set()
    for node in graph.node:
        place = OF_LENGTHS.get(node.op_type, len(node.input))
        if place < len(node.input) and node.input[place]:
            name = node.input[place]
            while name in made and made[name].op_type in PASSED:
                name = made[name].input[0]
            found.add(name)
    return found


def _dims(info: ValueInfoProto) -> list[int | str]:
    """The sizes of an input: numbers, or names in quotes of those that are not known."""
    return [
        d.dim_value if d.dim_value > 0 else f"{d.dim_param!r}"
        for d in info.type.tensor_type.shape.dim
    ]


def _possible(onnx: ModuleType, info: ValueInfoProto, timed: bool) -> Iterator[Supposed]:
    """What an input of a shape may be."""
    types, dims = onnx.TensorProto, _dims(info)
    if not info.type.HasField("tensor_type") or not info.type.tensor_type.HasField("shape"):
        return
    kind = info.type.tensor_type.elem_type
    integers = kind in (types.INT64, types.INT32, types.INT16, types.UINT8, types.INT8)
    orders: list[tuple[str, ...]] = [(TIME, BATCH), (BATCH, TIME), (BATCH,), ("", BATCH)]
    if not timed:
        orders = [(BATCH,), *orders[:2]]
    for order in orders:
        if len(order) > len(dims):
            continue
        roles = [*order, *[""] * (len(dims) - len(order))]
        axes: Axes = tuple([role or size for role, size in zip(roles, dims, strict=True)])
        features = [a for a in axes if a not in (TIME, BATCH)]
        if any(isinstance(a, str) for a in features) or integers == bool(features):
            continue
        fixed = {r: n for r, n in zip(roles, dims, strict=True) if r and isinstance(n, int)}
        doubt = sum(_says_other(r, n) for r, n in zip(roles, dims, strict=True))
        per: Per = "step" if TIME in roles or not timed else "sequence"
        yield Supposed(axes, per, integers, None, fixed, doubt)


def _says_other(role: str, size: int | str) -> bool:
    """True if the name of an axis is that of another role; names are hints, and may be wrong."""
    return _said(size) not in (None, role)


def _said(size: int | str) -> str | None:
    """The role that the name of an axis says."""
    return _NAMES.get(str(size).strip("'").lower())


_TIMES = "time t steps step seq seq_len sequence sequence_length timesteps time_steps length"
_BATCHES = "batch b n batch_size bs"
_NAMES = dict.fromkeys(_TIMES.split(), TIME) | dict.fromkeys(_BATCHES.split(), BATCH)
"""By name of an axis, as exporters are given them, its role."""
