"""Reading a graph of ONNX: the roles of its inputs' axes are supposed until all nodes fit."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Input
from rnnbp.interchange import (  # noqa: F401  # which register what reads their nodes
    onnx_in_arithmetic,
    onnx_in_layers,
    onnx_in_parts,
    onnx_in_recurrent,
    onnx_in_reductions,
    onnx_in_shapes,
)
from rnnbp.interchange.onnx_file import array_of, import_onnx
from rnnbp.interchange.onnx_in_ends import finished
from rnnbp.interchange.onnx_in_roles import Supposed, supposed_inputs
from rnnbp.interchange.onnx_in_sizes import folded
from rnnbp.interchange.onnx_nodes import READINGS, Call, node_text
from rnnbp.interchange.onnx_operands import (
    Const,
    Operand,
    Tensor,
    UnreadableModelError,
    sizes,
)
from rnnbp.interchange.onnx_scope import Scope
from rnnbp.numerics import ShapeError

TRIES = 500
"""Combinations of roles of inputs that are tried."""


def read_graph(model: Any, where: str) -> Graph:
    """The model of a ModelProto. Raises UnreadableModelError."""
    onnx, graph = import_onnx(), model.graph
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    weights = {
        each.name: Const.of(array_of(onnx, each), learned=True) for each in graph.initializer
    }
    _check_operators(graph, where)
    constants = _constants(Scope(onnx, graph, opset, weights))
    inputs = [each for each in graph.input if each.name not in weights]
    if not inputs:
        raise UnreadableModelError(f"{where}: has no inputs; export a model that computes with x")
    best: tuple[int, Exception] | None = None
    for supposed in islice(supposed_inputs(onnx, graph, inputs), TRIES):
        scope = Scope(onnx, graph, opset, constants)
        try:
            ends = _begin(scope, inputs, supposed)
            _walk(scope)
            return finished(scope, ends, where)
        except (UnreadableModelError, ShapeError) as error:
            if best is None or scope.done > best[0]:
                best = scope.done, error
    assert best is not None  # there is at least one way to suppose the roles
    raise UnreadableModelError(f"{where}: {best[1]}") from best[1]


def _check_operators(graph: Any, where: str) -> None:
    """Raise for a node whose operator is not known, before any other reason."""
    for node in graph.node:
        if node.domain not in ("", "ai.onnx") or node.op_type not in (*READINGS, *_CONSTANTS):
            raise UnreadableModelError(
                f"{where}: {node_text(node)}: this operator is not known here; export the model "
                "without it, and build that part of layers here"
            )


_CONSTANTS = """
    Constant ConstantOfShape Range Equal Where Greater Less And Or Not Mod Floor Ceil
    ReduceProd Size Tile Sign Trilu ScatterND ReduceSum ReduceMin CastLike Round
""".split()  # noqa: SIM905  # a list of them is 25 lines
"""Operators that are read where their operands are constants."""


def _constants(scope: Scope) -> Mapping[str, Operand]:
    """The tensors of a graph that depend on no input."""
    for node in scope.graph.node:
        names = [name for name in node.input if name]
        if all(name in scope.operands for name in names) and not node.op_type.startswith("Random"):
            call = Call(scope, node, [scope.operands.get(name) for name in node.input])
            _store(scope, node, folded(call))
    return scope.operands


def _begin(scope: Scope, inputs: list[Any], supposed: tuple[Supposed, ...]) -> list[Any]:
    """The inputs with their roles; those that are values, in order."""
    symbols = []
    for each, how in zip(inputs, supposed, strict=True):
        if how.lengths is not None:
            scope.operands[each.name] = how.lengths
            continue
        shape = tuple([n for n in sizes(how.axes) if n != 1]) or (1,)
        value = Input(() if how.integers else shape, each.name, per=how.per)
        if how.integers:
            scope.symbols.add(value)
        scope.operands[each.name] = Tensor(value, how.axes)
        for role, size in how.fixed.items():
            scope.sizes.setdefault(role, set()).add(size)
        symbols.append(value)
    return symbols


def _walk(scope: Scope) -> None:
    """Read all nodes that are not known yet."""
    for k, node in enumerate(scope.graph.node):
        if all(name in scope.operands for name in node.output if name):
            continue
        call = Call(scope, node, [scope.operands.get(name) for name in node.input])
        try:
            made = folded(call) or _read(call)
        except ShapeError as error:
            raise UnreadableModelError(f"{call}: {error}") from error
        _store(scope, node, made)
        scope.done = k + 1


def _read(call: Call) -> Any:
    if call.node.op_type not in READINGS:
        call.refuse("is read of constants alone, and here it depends on the input", "leave it out")
    found = READINGS[call.node.op_type](call)
    call.check_attributes()
    return found


def _store(scope: Scope, node: Any, made: Any) -> None:
    """Names the outputs of a node."""
    if made is None:
        return
    for name, each in zip(node.output, made if isinstance(made, tuple) else (made,), strict=False):
        if name and each is not None:
            scope.operands[name] = each
