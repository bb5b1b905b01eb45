"""A node of an ONNX graph in reading: its operands, its attributes, and where its errors point."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from rnnbp.interchange.onnx_in.file import array_of, widened
from rnnbp.interchange.onnx_in.operands import (
    Const,
    LastSteps,
    Lengths,
    Live,
    Operand,
    Pending,
    Steps,
    Tensor,
    UnreadableModelError,
    exact,
)
from rnnbp.numerics import Array, shown

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, NodeProto

    from rnnbp.interchange.onnx_in.scope import Scope

T = TypeVar("T")
Results: TypeAlias = Operand | tuple[Operand | None, ...]
Reading: TypeAlias = Callable[["Call"], Results]
READINGS: dict[str, Reading] = {}
"""By operator, what reads its nodes."""


def reads(*operators: str) -> Callable[[Reading], Reading]:
    """Register a function for the nodes of some operators."""

    def register(reading: Reading) -> Reading:
        READINGS.update(dict.fromkeys(operators, reading))
        return reading

    return register


class Call:
    """One node, whose operands are known.

    Attributes:
        scope: the graph in reading.
        node: the NodeProto.
        operands: one for each input, None for one that is left out.
    """

    def __init__(self, scope: Scope, node: NodeProto, operands: list[Operand | None]) -> None:
        self.scope, self.node, self.operands = scope, node, operands
        self.attributes = {each.name: each for each in node.attribute}
        self.seen = set[str]()

    @property
    def opset(self) -> int:
        return self.scope.opset

    def attribute(self, name: str, default: T) -> T:
        """An attribute, or its default; texts as str, tensors as arrays."""
        self.seen.add(name)
        if name not in self.attributes:
            return default
        found: T = _plain(self.scope.onnx, self.attributes[name])
        return found

    def graph(self, name: str) -> GraphProto:
        """An attribute that is a graph."""
        self.seen.add(name)
        if name not in self.attributes:
            self.refuse(f"attribute {name} is missing", "export the model again")
        found: GraphProto = self.attributes[name].g
        return found

    def check_attributes(self) -> None:
        """Raise for an attribute that the reading has not looked at."""
        for name in self.attributes:
            if name not in self.seen:
                value = shown(_plain(self.scope.onnx, self.attributes[name]))
                self.refuse(f"attribute {name} = {value} is not known", "export it without")

    def get(self, k: int) -> Operand | None:
        """Operand k, None if there is none."""
        return self.operands[k] if k < len(self.operands) else None

    def tensor(self, k: int = 0) -> Tensor:
        """Operand k, which depends on the input."""
        found = self.get(k)
        if not isinstance(found, Tensor):
            self.refuse(
                f"input {k} ({self.name_of(k)}) {_kind(found)}, where a value that depends on the "
                "model's input is expected",
                "fold such nodes into constants, as onnxruntime's optimizer does",
            )
        return found

    def array(self, k: int) -> Array | None:
        """The numbers of operand k, None if there is none."""
        found = self.get(k)
        if found is None:
            return None
        if not isinstance(found, Const) or not found.plain:
            self.refuse(
                f"input {k} ({self.name_of(k)}) is computed, and here it must be a constant",
                "keep the weights of the model in the file",
            )
        if found.array.dtype.kind == "f" and np.isnan(found.array).any():
            self.refuse(f"input {k} ({self.name_of(k)}) holds NaN", "train from sound weights")
        return found.array if found.array.dtype.kind in "biu" else widened(found.array)

    def weight(self, k: int) -> Array:
        """The numbers of operand k, which must be there."""
        found = self.array(k)
        if found is None:
            self.refuse(f"input {k} is missing", "export the model again")
        return found

    def ints(self, k: int, name: str) -> list[int] | None:
        """Whole numbers that older opsets have as an attribute, newer ones as input k."""
        if name in self.attributes:
            found = self.attribute(name, [0])
            return list(found) if isinstance(found, list | tuple) else [found]
        self.seen.add(name)
        array = self.array(k)
        return None if array is None else [int(v) for v in np.asarray(array).reshape(-1)]

    def name_of(self, k: int) -> str:
        """The name of an input."""
        return str(self.node.input[k]) if k < len(self.node.input) else "none"

    def wanted(self, k: int) -> bool:
        """True if output k is used."""
        return k < len(self.node.output) and bool(self.scope.uses(self.node.output[k]))

    def refuse(self, found: str, cure: str) -> NoReturn:
        """Raise UnreadableModelError, which names the node."""
        raise UnreadableModelError(f"{self}: {found}; {cure}")

    def __str__(self) -> str:
        return node_text(self.node)


def node_text(node: NodeProto) -> str:
    """A node as errors name it."""
    of = f" of domain {node.domain}" if node.domain not in ("", "ai.onnx") else ""
    name = node.name or (f"of output {node.output[0]}" if len(node.output) else "")
    return f"node {name} ({node.op_type}{of})"


def _kind(operand: Operand | None) -> str:
    if isinstance(operand, Lengths | Live | Steps | LastSteps):
        return "is of the lengths of sequences"
    if isinstance(operand, Pending):
        return "is a part of a layer that is read whole alone"
    return "is missing" if operand is None else "is a constant"


def _plain(onnx: ModuleType, attribute: AttributeProto) -> Any:
    """The value of an attribute."""
    if attribute.type == onnx.AttributeProto.TENSOR:
        return array_of(onnx, attribute.t)
    value = onnx.helper.get_attribute_value(attribute)
    if attribute.type == onnx.AttributeProto.FLOAT:
        return exact(np.float32(value))
    if attribute.type == onnx.AttributeProto.FLOATS:
        return [exact(np.float32(each)) for each in value]
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [each.decode() for each in value]
    return value
