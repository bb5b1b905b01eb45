"""Nodes of ONNX that compute constants from constants, by onnx's own evaluator."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.interchange.onnx_in.operands import Const
from rnnbp.numerics import Array

if TYPE_CHECKING:
    from onnx.reference import ReferenceEvaluator

FOLDED = 1 << 24
"""Elements of an array that a node may make of smaller ones."""
_NAMES = """
    Constant Identity Cast CastLike Shape Size Gather Concat Slice Squeeze Unsqueeze Reshape Flatten
    Transpose Split Add Sub Mul Div Pow Mod Neg Abs Sign Floor Ceil Round Exp Log Sqrt Reciprocal
    Sin Cos Tanh Sigmoid Softplus Relu Min Max Clip Equal Less LessOrEqual Greater GreaterOrEqual
    And Or Not Where ReduceSum ReduceProd ReduceMin ReduceMax ReduceMean ConstantOfShape Expand
    Range Tile MatMul Gemm Erf Elu LeakyRelu Softmax LogSoftmax Dropout
"""
EVALUATED = frozenset(_NAMES.split())
"""Operators that may compute constants from constants."""


def evaluated(call: Call, given: list[Const]) -> tuple[Const, ...]:
    """What onnx's own evaluator makes of numbers."""
    if call.node.op_type not in EVALUATED:
        call.refuse("this operator is not known", "fold it into a constant before")
    if _elements(call.node.op_type, [each.array for each in given]) > FOLDED:
        call.refuse("makes a constant of more than 16 million elements", "store it in the file")
    feeds = dict(zip(filter(None, call.node.input), [each.array for each in given], strict=True))
    try:
        found = _evaluator(call, feeds).run(None, feeds)
    except Exception as error:  # each operator there is Python of its own, and raises as it will
        call.refuse(f"cannot be computed from its constants: {error}", "export the model again")
    learned = any(each.learned for each in given)
    return tuple([Const.of(np.asarray(each), learned=learned) for each in found])


def _evaluator(call: Call, names: Iterable[str]) -> ReferenceEvaluator:
    """A graph of the one node; names are of its inputs."""
    from onnx.reference import ReferenceEvaluator

    helper = call.scope.onnx.helper
    inputs = [helper.make_empty_tensor_value_info(name) for name in names]
    outputs = [helper.make_empty_tensor_value_info(name) for name in call.node.output if name]
    graph = helper.make_graph([call.node], "folded", inputs, outputs)
    opsets = [helper.make_opsetid("", call.opset)]
    return ReferenceEvaluator(helper.make_model(graph, opset_imports=opsets))


def _elements(operator: str, given: list[Array]) -> float:
    """How many elements a node may make, at most."""
    if operator in ("ConstantOfShape", "Expand", "Tile"):
        first = 1 if operator == "ConstantOfShape" else given[0].size
        return float(first * np.prod(given[-1], dtype=float))
    if operator == "Range":
        start, limit, step = (float(each.reshape(-1)[0]) for each in given)
        return abs((limit - start) / step)
    if operator in ("MatMul", "Gemm"):
        return float(given[0].size * given[1].size)
    sizes = [each.shape for each in given]
    alike = operator in ("Concat", "Gather", "Reshape", "Slice") or not given
    return 0.0 if alike else float(np.prod(np.maximum.reduce([_padded(s) for s in sizes])))


def _padded(shape: tuple[int, ...]) -> Array:
    """A shape of 8 axes, those before it of 1."""
    return np.array([*[1] * (8 - len(shape)), *shape], float)
