"""``from_onnx``: a model of this library from one of ONNX."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rnnbp.graph.graph import Graph
from rnnbp.interchange.onnx_in.file import load_model
from rnnbp.interchange.onnx_in.walk import read_graph
from rnnbp.wording.arguments import takes

if TYPE_CHECKING:
    from onnx import ModelProto


@takes()
def from_onnx(model: str | os.PathLike[str] | ModelProto) -> Graph:
    """Reads an ONNX model, as PyTorch, Keras, tf2onnx or ``to_onnx`` write it, with its weights.

    Nodes LSTM, GRU and RNN become ``LSTM``, ``GRU``, ``RNN`` and ``Bidirectional``, or, with
    ``clip`` or other activations, a ``Recurrent`` of an equal Cell; what stands around them becomes
    layers. All weights can be trained further: named tensors of the file are parameters, values of
    Constant nodes are not.

    The axes are those of this library, whatever they are in the file: a series is (T, B,
    features), what has no time (B, features). Transposes between batch-first and time-first are
    left out, and axes of 1 with them; a state of all directions (D, B, n) is (B, D, n). Which axis
    is time follows from the recurrent nodes. An input for ``sequence_lens`` is left out too: a run
    takes ``lengths=`` in its place, and has 0 past the end of a sequence, where what follows the
    recurrent layer in the file may have other values.

    Args:
        model: a path, or an ``onnx.ModelProto``. Data outside of the file are read from its folder
            alone.

    Returns:
        A ``Sequential`` where the model is a chain of one input, else a ``Graph``, whose inputs
        and outputs have the names in the file. Weights of 16 bits are widened to float32.

    Raises:
        StorageError: for a file that is cut short, is no ONNX model, or has an unknown opset.
        ValueError: for what cannot be expressed; it names the node, and the attribute.
        ImportError: without the package onnx, ``pip install 'rnnbp[onnx]'``.

    Source: the operators of https://onnx.ai/onnx/operators, opsets 7 to onnx's newest.

    ::

        torch.onnx.export(net, (x,), "net.onnx", dynamo=False, input_names=["x"],
                          dynamic_axes={"x": {0: "T", 1: "B"}})
        model = rb.interchange.from_onnx("net.onnx")
        y, _ = rb.predict(model, x.numpy())
    """
    found = load_model(model)
    where = "the model" if not isinstance(model, str | os.PathLike) else str(model)
    return read_graph(found, where)
