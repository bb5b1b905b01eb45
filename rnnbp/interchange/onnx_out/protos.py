"""The graph as the messages of the onnx package, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rnnbp.interchange.onnx_out.parts import Port, Section
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.numerics import Array, positive_int
from rnnbp.support.version import VERSION

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto, ValueInfoProto

LIMIT = 2**31 - 2**20
"""Bytes of the weights of a file: messages have less than 2 GiB, of which the rest takes little."""
FIRST = 17
"""The first version of the operators that has LayerNormalization."""


def opset_version(given: int) -> int:
    """A version of the operators, checked. Raises TypeError or ValueError."""
    import onnx

    found, last = positive_int("to_onnx: opset", given), onnx.defs.onnx_opset_version()
    if not FIRST <= found <= last:
        raise ValueError(
            f"to_onnx: opset is from {FIRST} to {last}, the last that this onnx has, found {found}"
        )
    return found


def model_proto(to: Writer, name: str) -> ModelProto:
    """The model as a message that onnx's checker has passed.

    Raises ValueError for weights that are more than a file can hold.
    """
    import onnx

    size = sum(array.nbytes for array in to.held.arrays.values())
    if size > LIMIT:
        raise ValueError(
            f"to_onnx: the weights have {size} bytes, and a file of ONNX holds 2 GiB; export parts "
            "of the model, or model.astype('float32')"
        )
    helper, used = onnx.helper, _read(to.section)
    opset = helper.make_opsetid("", to.opset)
    model = helper.make_model(
        _graph(to.section, name, {key: a for key, a in to.held.arrays.items() if key in used}),
        opset_imports=[opset],
        ir_version=helper.find_min_ir_version_for([opset]),
        producer_name="rnnbp",
        producer_version=VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


def _read(section: Section) -> set[str]:
    """The names that the nodes of a graph read, those within Scans too."""
    found = {name for call in section.calls for name in call.inputs}
    bodies = [value for call in section.calls for value in call.attributes.values()]
    return found.union(*[_read(body) for body in bodies if isinstance(body, Section)])


def _graph(section: Section, name: str, constants: dict[str, Array]) -> GraphProto:
    import onnx

    held = [onnx.numpy_helper.from_array(array, key) for key, array in constants.items()]
    return onnx.helper.make_graph(
        [
            _node(call.kind, call.inputs, call.outputs, dict(call.attributes))
            for call in section.calls
        ],
        name,
        [_value(port) for port in section.inputs],
        [_value(port) for port in section.outputs],
        held,
    )


def _value(port: Port) -> ValueInfoProto:
    import onnx

    kind = onnx.helper.np_dtype_to_tensor_dtype(port.dtype)
    return onnx.helper.make_tensor_value_info(port.name, kind, port.axes)


def _node(
    kind: str, inputs: tuple[str, ...], outputs: tuple[str, ...], attributes: dict[str, object]
) -> NodeProto:
    import onnx

    for key, value in attributes.items():
        if isinstance(value, Section):
            attributes[key] = _graph(value, "step", {})
        elif isinstance(value, np.dtype):
            attributes[key] = onnx.helper.np_dtype_to_tensor_dtype(value)
    return onnx.helper.make_node(kind, inputs, outputs, None, None, None, None, **attributes)
