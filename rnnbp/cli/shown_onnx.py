"""What ``rnnbp show`` prints of an ONNX model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnbp.cli.errors import CommandError
from rnnbp.cli.shown_tensors import array_table
from rnnbp.cli.tables import table
from rnnbp.interchange.onnx_in.file import MOST
from rnnbp.numerics import Dtype, escaped
from rnnbp.storage import read_bounded
from rnnbp.support.needed import needed
from rnnbp.support.printing import filled
from rnnbp.support.reprs import bytes_text, counted

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto


def onnx_lines(path: Path) -> Iterator[str]:
    """Inputs, outputs, nodes and initializers. Raises CommandError for what is no ONNX model."""
    data = read_bounded(path, MOST)
    model = _model(path, data)
    graph = model.graph
    opsets = ", ".join(
        f"{each.version}{f' of {escaped(each.domain)}' * bool(each.domain)}"
        for each in model.opset_import
    )
    by = f", by {escaped(model.producer_name)} {escaped(model.producer_version)}".rstrip()
    yield f"format    ONNX, opset {opsets}{by * bool(model.producer_name)}, {bytes_text(len(data))}"
    held = {tensor.name for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in held]
    rows = [_value("input", value) for value in given]
    rows += [_value("output", value) for value in graph.output]
    yield from ("", *table(("value", "name", "shape", "dtype"), rows, ()))
    kinds = Counter(node.op_type for node in graph.node)
    listed = ", ".join(f"{n}×{kind}" for kind, n in kinds.most_common())
    what = f"nodes     {counted(len(graph.node), 'node')}{f': {listed}' * bool(listed)}"
    yield from ("", *filled(what, 10).splitlines(), "")
    yield from table(("node", "name", "inputs", "outputs"), [*map(_node, graph.node)], ())
    total = sum(map(_bytes, graph.initializer))
    yield ""
    yield f"weights   {counted(len(graph.initializer), 'initializer')} of {bytes_text(total)}"
    if graph.initializer:
        yield ""
        yield from array_table([_tensor(each) for each in graph.initializer])


def _model(path: Path, data: bytes) -> ModelProto:
    try:
        onnx = needed("onnx", "onnx", "rnnbp show")
    except ImportError as error:
        raise CommandError(f"{path}: {error}") from None
    try:
        model: ModelProto = onnx.load_model_from_string(data)
    except Exception:  # DecodeError; protobuf does not say what else it may raise
        model = onnx.ModelProto()
    if not model.ir_version or not model.graph.output:
        raise CommandError(f"{path} is no ONNX model, or is cut short; take another copy of it")
    return model


def _value(what: str, value: ValueInfoProto) -> tuple[str, str, str, str]:
    of = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        return what, escaped(value.name), "?", str(value.type.WhichOneof("value"))
    sizes = [
        escaped(axis.dim_param) or (str(axis.dim_value) if axis.HasField("dim_value") else "?")
        for axis in of.shape.dim
    ]
    shape = f"({', '.join(sizes)}{',' * (len(sizes) == 1)})" if of.HasField("shape") else "?"
    return what, escaped(value.name), shape, _dtype(of.elem_type)


def _node(node: NodeProto) -> tuple[str, str, str, str]:
    return node.op_type, escaped(node.name), _names(node.input), _names(node.output)


def _names(names: Sequence[str]) -> str:
    """Names with commas between; an input that is left out is a dash."""
    return ", ".join(escaped(name) or "-" for name in names)


def _tensor(tensor: TensorProto) -> tuple[str, tuple[int, ...], str, int]:
    return tensor.name, tuple(tensor.dims), _dtype(tensor.data_type), _bytes(tensor)


def _bytes(tensor: TensorProto) -> int:
    import onnx

    count: int = math.prod(tensor.dims)
    try:
        dtype: Dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        return count * dtype.itemsize
    except (KeyError, TypeError):  # texts, and types that NumPy lacks
        return len(tensor.SerializeToString())


def _dtype(number: int) -> str:
    """The name of a type of elements, as NumPy has it where it does."""
    import onnx

    names = onnx.TensorProto.DataType
    if number not in names.values():
        return "?"
    name: str = names.Name(number).lower()
    return {"float": "float32", "double": "float64"}.get(name, name)
