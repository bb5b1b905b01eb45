"""ONNX models as they lie in files: read within their folder, checked, their tensors as arrays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.interchange.onnx_in.operands import UnreadableModelError
from rnnbp.numerics import Array, StorageError, shown
from rnnbp.storage import read_bounded
from rnnbp.support.needed import needed

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto


MOST = 2**31
"""Bytes of a message; protobuf reads no larger ones."""
OLDEST = 7
"""The first opset whose operators broadcast as NumPy does."""
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
CONVERT = "convert it with onnx.version_converter.convert_version(model, 17)"


def load_model(given: str | os.PathLike[str] | ModelProto) -> ModelProto:
    """A ModelProto that the checker accepts, of a path or of one.

    Raises StorageError for a file that is no ONNX model, ImportError without onnx.
    """
    onnx = import_onnx()
    if isinstance(given, onnx.ModelProto):
        model, folder = onnx.ModelProto(), None
        model.CopyFrom(given)
    elif isinstance(given, str | os.PathLike):
        model, folder = _parsed(onnx, Path(given)), Path(given).parent
    else:
        raise TypeError(
            f"from_onnx: takes a path or an onnx.ModelProto, found {shown(given)}; of bytes give "
            "onnx.load_model_from_string(data)"
        )
    where = "the model" if folder is None else str(given)
    _load_external(onnx, model, folder, where)
    check_opset(onnx, model, where)
    _check(onnx, model, where)
    whole: ModelProto = onnx.inliner.inline_local_functions(model) if model.functions else model
    return whole


def import_onnx() -> ModuleType:
    """The package onnx. Raises ImportError, which says how to install it."""
    needed("onnx.inliner", "onnx", "from_onnx")  # which onnx does not import by itself
    return needed("onnx", "onnx", "from_onnx")


def _parsed(onnx: ModuleType, path: Path) -> ModelProto:
    """The message in a file, without external data."""
    model: ModelProto = onnx.ModelProto()
    data = read_bounded(path, MOST)
    try:
        model.ParseFromString(data)
    except Exception as error:  # DecodeError; protobuf does not say what else it may raise
        raise StorageError(
            f"{path}: not an ONNX model, or cut short ({len(data):,} bytes); export it again"
        ) from error
    return model


def _load_external(onnx: ModuleType, model: ModelProto, folder: Path | None, where: str) -> None:
    """Read tensors that lie in other files of the model's folder."""
    for tensor in _tensors(model):
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        location = {entry.key: entry.value for entry in tensor.external_data}.get("location", "")
        if folder is None:
            raise StorageError(
                f"{where}: tensor {tensor.name} lies in another file, {location!r}; give the path "
                "of the model"
            )
        _check_inside(folder, location, f"{where}: tensor {tensor.name}")
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(folder))
        except Exception as error:  # the library raises its own, ValueErrors and OSErrors
            raise StorageError(
                f"{where}: tensor {tensor.name} cannot be read from {location!r}: "
                f"{first_line(error)}; keep both files in one folder"
            ) from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]


def _tensors(model: ModelProto) -> Iterator[TensorProto]:
    """Every tensor of a model, those of its functions too."""
    yield from _of_graph(model.graph)
    for function in model.functions:
        yield from _of_attributes(function.attribute_proto)
        yield from _of_nodes(function.node)


def _of_graph(graph: GraphProto) -> Iterator[TensorProto]:
    yield from graph.initializer
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable[NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable[AttributeProto]) -> Iterator[TensorProto]:
    for each in attributes:
        yield from [each.t] if each.HasField("t") else []
        yield from each.tensors
        sparse = [each.sparse_tensor] if each.HasField("sparse_tensor") else []
        for parts in [*sparse, *each.sparse_tensors]:
            yield from (parts.values, parts.indices)
        for inner in [*([each.g] if each.HasField("g") else []), *each.graphs]:
            yield from _of_graph(inner)


def _check_inside(folder: Path, location: str, where: str) -> None:
    """Raise StorageError for a file outside of the folder."""
    base = folder.resolve()
    found = (base / location.replace("\0", "")).resolve()
    if (
        not location
        or "\0" in location
        or Path(location).is_absolute()
        or not found.is_relative_to(base)
    ):
        raise StorageError(
            f"{where} lies in {location!r}, outside of the model's folder, which is not read; save "
            "the model anew with onnx.save_model(model, path, save_as_external_data=True)"
        )


def check_opset(onnx: ModuleType, model: ModelProto, where: str) -> None:
    """Raise StorageError for a version of the operators that is not known."""
    versions = {each.domain: each.version for each in model.opset_import}
    found = versions.get("", versions.get("ai.onnx"))
    newest = onnx.defs.onnx_opset_version()
    if found is None:
        raise StorageError(
            f"{where}: no version of ONNX's operators is named (opset_import); it is no ONNX "
            "model, or not whole: export it again"
        )
    if found < OLDEST:
        raise StorageError(f"{where}: opset {found} is older than {OLDEST}; {CONVERT}")
    if found > newest:
        raise StorageError(
            f"{where}: opset {found} is newer than onnx {onnx.__version__} knows, {newest}; "
            f"install a newer onnx, or {CONVERT}"
        )


def _check(onnx: ModuleType, model: ModelProto, where: str) -> None:
    """Raise what onnx's checker finds as one error."""
    for each in model.graph.output:  # whose shapes are not read, and may be missing
        each.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, UnicodeDecodeError) as error:
        if "No Op registered for" in str(error):
            return  # the error of ours names the node
        raise StorageError(
            f"{where}: onnx's checker refuses it: {first_line(error)}; export the model again"
        ) from error


def first_line(error: Exception) -> str:
    """The text of another library's error, as one line."""
    return " ".join(str(error).split())[:300]


def array_of(onnx: ModuleType, tensor: TensorProto) -> Array:
    """The array of a tensor, half precision widened. Raises UnreadableModelError for NaN."""
    try:
        found: Array = onnx.numpy_helper.to_array(tensor)
    except (KeyError, TypeError, ValueError) as error:  # types and sizes that cannot be
        raise StorageError(
            f"tensor {tensor.name} is damaged: {first_line(error)}; export the model again"
        ) from error
    if found.dtype.kind not in "biu" and found.dtype not in FLOATS:
        types = onnx.TensorProto
        if tensor.data_type not in (types.FLOAT16, types.BFLOAT16):
            raise UnreadableModelError(
                f"tensor {tensor.name} has type {types.DataType.Name(tensor.data_type)}; weights "
                "are floating-point numbers of 16, 32 or 64 bits: export the model without "
                "quantisation"
            )
        found = widened(found)
    if found.dtype.kind == "f" and np.isnan(found).any():
        raise UnreadableModelError(
            f"tensor {tensor.name} holds NaN; train the model again from sound weights"
        )
    return found


def widened(array: Array) -> Array:
    """Floating-point numbers of 16 bits as float32."""
    return array if array.dtype in FLOATS else array.astype(np.float32)
