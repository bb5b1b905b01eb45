"""Reading a graph of ONNX: the roles of its inputs' axes are supposed until all nodes fit."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from rnnbp.graph.graph import Graph
from rnnbp.graph.values import Input, Value
from rnnbp.interchange.onnx_in import (  # noqa: F401  # which register what reads their nodes
    arithmetic,
    layers,
    parts,
    recurrent,
    reductions,
    scan,
    shapes,
    windows,
)
from rnnbp.interchange.onnx_in.ends import finished
from rnnbp.interchange.onnx_in.file import array_of, import_onnx
from rnnbp.interchange.onnx_in.operands import (
    Const,
    Tensor,
    UnreadableModelError,
    shape_of_end,
)
from rnnbp.interchange.onnx_in.roles import Supposed, is_timed, supposed_inputs
from rnnbp.interchange.onnx_in.running import fold_constants, run_nodes
from rnnbp.interchange.onnx_in.scope import Scope
from rnnbp.numerics import ShapeError

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto


UNROLLED = (
    " (no node is an LSTM, GRU, RNN or Scan; if PyTorch wrote the steps of an nn.RNN one by one, "
    "export with dynamo=False)"
)
TRIES = 300
"""Combinations of roles of inputs that are tried."""


def read_graph(model: ModelProto, where: str) -> Graph:
    """The model of a ModelProto. Raises UnreadableModelError."""
    onnx, graph = import_onnx(), model.graph
    opset = next(each.version for each in model.opset_import if each.domain in ("", "ai.onnx"))
    weights = {
        each.name: Const.of(array_of(onnx, each), learned=True) for each in graph.initializer
    }
    first = Scope(onnx, graph, opset, weights)
    try:
        fold_constants(first)
    except UnreadableModelError as error:
        raise UnreadableModelError(f"{where}: {error}") from error
    inputs = [each for each in graph.input if each.name not in weights and first.uses(each.name)]
    if not inputs:
        raise UnreadableModelError(f"{where}: has no inputs; export a model that computes with x")
    best: tuple[int, Exception] | None = None
    for supposed in islice(supposed_inputs(onnx, graph, inputs), TRIES):
        scope = Scope(onnx, graph, opset, first.operands)
        try:
            ends = _begin(scope, inputs, supposed)
            run_nodes(scope)
            return finished(scope, ends)
        except (UnreadableModelError, ShapeError) as error:
            if best is None or scope.done > best[0]:
                best = scope.done, error
    if best is None:
        raise UnreadableModelError(f"{where}: no input is a series; export one (T, B, features)")
    hint = "" if is_timed(graph) else UNROLLED
    raise UnreadableModelError(f"{where}: {best[1]}{hint}") from best[1]


def _begin(
    scope: Scope, inputs: list[ValueInfoProto], supposed: tuple[Supposed, ...]
) -> list[Value]:
    """The inputs with their roles; those that are values, in order."""
    symbols = []
    for each, how in zip(inputs, supposed, strict=True):
        if how.lengths is not None:
            scope.operands[each.name] = how.lengths
            continue
        value = Input(() if how.integers else shape_of_end(how.axes), each.name, per=how.per)
        if how.integers:
            scope.symbols.add(value)
        scope.operands[each.name] = Tensor(value, how.axes)
        for role, size in how.fixed.items():
            scope.sizes.setdefault(role, set()).add(size)
        symbols.append(value)
    return symbols
