"""The graph of an ONNX model in reading: names, uses, and the blocks that have been applied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.file import array_of
from rnnbp.interchange.onnx_in.operands import (
    Lengths,
    Operand,
    Tensor,
    UnreadableModelError,
    count,
    shape_of,
)
from rnnbp.layers import Concat, Reshape, Slice
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Dtype, Shape

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto, TensorProto

    from rnnbp.interchange.onnx_in.nodes import Call

Applied: TypeAlias = Layer | Graph | Recurrent | OverTime


def names_of(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, those in a graph within it too."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        if attribute.HasField("g"):
            made = {name for each in attribute.g.node for name in each.output}
            made.update(each.name for each in (*attribute.g.input, *attribute.g.initializer))
            read = [*(name for each in attribute.g.node for name in names_of(each))]
            yield from (name for name in read if name not in made)


def _needed(graph: GraphProto) -> Iterator[NodeProto]:
    """The nodes of a graph that its outputs depend on, in order."""
    wanted = {each.name for each in graph.output}
    found = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(names_of(node))
            found.append(node)
    yield from reversed(found)


class Scope:
    """What reading one graph knows.

    Args:
        onnx: the package.
        graph: the GraphProto.
        opset: the version of its operators.
        known: operands that are there before the nodes.
    """

    def __init__(
        self, onnx: ModuleType, graph: GraphProto, opset: int, known: Mapping[str, Operand]
    ) -> None:
        self.onnx, self.graph, self.opset = onnx, graph, opset
        self.operands = dict(known)
        self.nodes = list(_needed(graph))
        self.counts = Counter(name for node in self.nodes for name in names_of(node))
        self.counts.update(each.name for each in graph.output)
        self.records: dict[int, tuple[Applied, tuple[Value, ...]]] = {}
        self.joins: dict[tuple[int, ...], Value] = {}
        """The output of each Concat, by the identities of what it joins."""
        self.kept: list[Value] = []
        """The values of ``records``, so that no other has the identity of one."""
        self.dtypes: dict[Dtype, str] = {}
        self.symbols = set[Value]()
        """The values that are integers."""
        self.sizes: dict[str, set[int]] = {}
        """By role, the sizes of axes that the file fixes."""
        self.done = 0
        """How many nodes have been read."""
        self.lengths: set[str] = set()
        """The inputs for lengths that recurrent nodes read; "" for a node without any."""

    def uses(self, name: str) -> int:
        """How many nodes and outputs read a tensor."""
        return self.counts[name]

    def apply(self, block: Applied, *values: Value) -> Value:
        """The value of a block of one output."""
        found: Value = block(*values)
        self.record(found, block, values)
        return found

    def record(self, value: Value, block: Applied, values: tuple[Value, ...]) -> None:
        """Remember what made a value, where that is not its source."""
        self.records[id(value)] = block, values
        self.remember_join(value)

    def remember_join(self, value: Value) -> None:
        """Remember a Concat."""
        self.kept.append(value)
        if value.source is not None and isinstance(value.source.block, Concat):
            self.joins[tuple(map(id, value.source.args))] = value

    def dtype_of(self, array: Array, where: str) -> Dtype:
        """The dtype of parameters from an array. Raises if those before it had another."""
        found = np.dtype(np.float64 if array.dtype == np.float64 else np.float32)
        self.dtypes.setdefault(found, where)
        if len(self.dtypes) > 1:
            (a, at), (b, other) = self.dtypes.items()
            raise UnreadableModelError(
                f"{other} has weights of {b}, {at} of {a}; parameters of a model share one dtype: "
                "export it in one"
            )
        return found

    def shaped(self, tensor: Tensor, shape: Shape | None = None) -> Value:
        """The value of a tensor, its features of a shape, by default that of its axes."""
        wanted = shape_of(tensor.axes) if shape is None else shape or (1,)
        value = tensor.value
        if value.shape == wanted or value.shape is None:
            return value
        return self.apply(Reshape(value.shape, wanted), value)

    def vector(self, tensor: Tensor) -> Value:
        """The value of a tensor, all features in one axis."""
        return self.shaped(tensor, (count(tensor.axes),))

    def array(self, tensor: TensorProto) -> Array:
        """The array of a tensor of the file."""
        return array_of(self.onnx, tensor)

    def result(self, name: str) -> Tensor:
        """The tensor of an output. Raises UnreadableModelError for one that is none."""
        found = self.operands.get(name)
        if not isinstance(found, Tensor):
            raise UnreadableModelError(
                f"output {name} does not depend on the model's inputs; leave it out"
            )
        return found

    def like(self, tensor: Tensor, value: Value) -> Tensor:
        """A tensor of the same axes, of another value."""
        return Tensor(value, tensor.axes)

    def part(self, value: Value, start: int, stop: int) -> Value:
        """Features of a vector; those of a Concat's argument are the argument itself."""
        (size,) = value.shape or (0,)
        if (start, stop) == (0, size):
            return value
        if value.source is not None and isinstance(value.source.block, Concat):
            at = 0
            for n, argument in zip(value.source.block.sizes, value.source.args, strict=True):
                if at <= start and stop <= at + n:
                    return self.part(argument, start - at, stop - at)
                at += n
        return self.apply(Slice(size, start, stop), value)

    def joined(self, values: list[Value], widths: list[int]) -> Value:
        """Vectors one after the other; those of a Concat that is there are its output."""
        if len(values) == 1:
            return values[0]
        known = self.joins.get(tuple(map(id, values)))
        return self.apply(Concat(*widths), *values) if known is None else known

    def refuse_lengths(self, call: Call, what: str, cure: str) -> None:
        """Raise where the model has lengths, and a node looks at steps past the end of a row."""
        if any(isinstance(each, Lengths) for each in self.operands.values()):
            call.refuse(f"{what}, in a model with sequence_lens", cure)
