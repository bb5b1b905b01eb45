"""The nodes of a graph of ONNX in order: constants first, then what depends on inputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rnnbp.interchange.onnx_in.evaluation import EVALUATED
from rnnbp.interchange.onnx_in.lengths import of_lengths
from rnnbp.interchange.onnx_in.nodes import READINGS, Call, Results, node_text
from rnnbp.interchange.onnx_in.operands import UnreadableModelError
from rnnbp.interchange.onnx_in.scope import Scope
from rnnbp.interchange.onnx_in.sizes import folded
from rnnbp.numerics import StorageError

if TYPE_CHECKING:
    from onnx import NodeProto

REFUSED = (ValueError, TypeError, IndexError, KeyError, ArithmeticError)
"""What layers, and the reading of damaged nodes, raise; the error then names the node."""
UNKNOWN = "export the model without it, and build that part of layers here"


def fold_constants(scope: Scope) -> None:
    """Compute the tensors that depend on no input; check that the other nodes can be read."""
    for node in _left(scope):
        if node.domain not in ("", "ai.onnx"):
            raise UnreadableModelError(f"{node_text(node)}: this domain is not known; {UNKNOWN}")
        names = [name for name in node.input if name]
        if all(name in scope.operands for name in names):
            _store(scope, node, _checked(_call(scope, node), folded))
        elif node.op_type not in READINGS and node.op_type not in EVALUATED:
            raise UnreadableModelError(f"{node_text(node)}: this operator is not known; {UNKNOWN}")


def run_nodes(scope: Scope) -> None:
    """Read all nodes that have not been computed."""
    for node in _left(scope):
        call = _call(scope, node)
        _store(scope, node, _checked(call, folded) or _checked(call, _read))
        scope.done += 1


def _checked(call: Call, reading: Callable[[Call], Results | None]) -> Results | None:
    """The result of a node. Raises UnreadableModelError, which names it, for all that is wrong."""
    try:
        return reading(call)
    except (UnreadableModelError, StorageError):
        raise
    except REFUSED as error:
        raise UnreadableModelError(f"{call}: {error}") from error


def _left(scope: Scope) -> Iterator[NodeProto]:
    """The nodes of which an output is not there yet."""
    for node in scope.nodes:
        if not all(name in scope.operands for name in node.output if name):
            yield node


def _call(scope: Scope, node: NodeProto) -> Call:
    return Call(scope, node, [scope.operands.get(name) for name in node.input])


def _read(call: Call) -> Results:
    if call.node.op_type not in READINGS:
        call.refuse("is read of constants alone, and here it depends on the input", "leave it out")
    found = of_lengths(call) or READINGS[call.node.op_type](call)
    call.check_attributes()
    return found


def _store(scope: Scope, node: NodeProto, made: Results | None) -> None:
    """Name the outputs of a node."""
    if made is None:
        return
    for name, each in zip(node.output, made if isinstance(made, tuple) else (made,), strict=False):
        if name and each is not None:
            scope.operands[name] = each
