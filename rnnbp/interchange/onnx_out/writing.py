"""A model as a file of ONNX."""

from __future__ import annotations

from rnnbp.graph.network import check_parameters
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_written
from rnnbp.interchange.onnx_out.assembling import Assembly, Options
from rnnbp.interchange.onnx_out.ends import numbered
from rnnbp.interchange.onnx_out.input_shapes import ShapesLike, input_shapes
from rnnbp.interchange.onnx_out.protos import model_proto, opset_version
from rnnbp.numerics import flag
from rnnbp.saving.parts import check_finite
from rnnbp.storage.atomic import write_atomic
from rnnbp.storage.errors import PathLike, as_path
from rnnbp.support.needed import needed
from rnnbp.wording.arguments import takes


@takes()
def to_onnx(
    model: ModelLike,
    path: PathLike,
    *,
    lengths: bool = False,
    states: bool = False,
    shape: ShapesLike = None,
    batch_first: bool = False,
    opset: int = 17,
) -> None:
    """Write a model in evaluation mode as a file of ONNX, which onnxruntime runs.

    Outputs are those of ``predict``. Batch and time are symbolic. A cell that ONNX has, as LSTM,
    GRU or RNN without other options, is that node, both directions of ``Bidirectional`` one; any
    other cell of library layers is a ``Scan`` whose body is the cell node by node. A layer of
    one's own is written by its ``lower``.

    Args:
        model: a network, a Recurrent or a layer.
        path: the file, ``*.onnx``; what was there is replaced once the new file is complete.
        lengths: True for a further input ``lengths`` (B,) int64, the steps of each sequence, of
            several time axes one for each, ``lengths_<axis>``. Series are then 0 past the end, and
            final states those of the true end.
        states: True for initial states as further inputs ``initial_h``, ``initial_c``, ..., (B, n),
            and final states as further outputs ``final_h``, ..., named by the states of the cell;
            of several Recurrents with their place in the network, ``initial_h_0``. They take the
            place of learned ones. A state that a value of the network begins has no input.
        shape: features of an input that the layers leave open, an int or a tuple, with None for an
            axis that differs from run to run; of several inputs a dict by name.
        batch_first: True for series (B, T, ...) in place of (T, B, ...).
        opset: version of the operators, 17 or later.

    Inputs and outputs have the names that the Graph gives them; without names they are ``x`` and
    ``y``, or ``x0``, ``x1``, ...; an output that is called as an input has ``y_`` before its name.
    Parameters keep their paths, except those of LSTM, GRU and RNN nodes, which are stacked as ONNX
    has them. Symbols are int64. All else has the dtype of the model, float32 for one without
    parameters; of float64 every cell is a Scan, because onnxruntime has the nodes in float32 alone.

    Raises:
        ValueError: for a layer that has no form in ONNX, which it names, parameters that are not
            finite, a path that does not end in .onnx, or an opset that onnx does not have.
        ShapeError: for features that do not follow from the layers.
        StorageError: where the file cannot be written.
        ImportError: without onnx; ``pip install 'rnnbp[onnx]'``.

    >>> import os, tempfile, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=1))
    >>> path = os.path.join(tempfile.mkdtemp(), "net.onnx")
    >>> rb.interchange.to_onnx(model, path, lengths=True)

    It is run as::

        session = onnxruntime.InferenceSession(path)
        (y,) = session.run(None, {"x": x, "lengths": lengths})
    """
    file = as_path("path", path)
    if file.suffix.lower() != ".onnx":
        raise ValueError(f"to_onnx: {file} does not end in .onnx, by which others know the format")
    needed("onnx", "onnx", "to_onnx")
    graph = as_written(model)
    check_parameters(graph)
    for name, array in graph.params.items():
        check_finite("to_onnx", name, array, "take a model from before its training diverged")
    options = Options(
        lengths=flag("to_onnx: lengths", lengths),
        states=flag("to_onnx: states", states),
        batch_first=flag("to_onnx: batch_first", batch_first),
        opset=opset_version(opset),
    )
    shapes = input_shapes(graph, numbered(graph.input_names, "x"), shape)
    assembly = Assembly(graph, shapes, options)
    write_atomic(file, model_proto(assembly.to, "rnnbp").SerializeToString())
