"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed.

Each name has its own help, as ``help(rnnbp.interchange.from_torch)``.

PyTorch
    from_torch             the model of a module, with its weights
    to_torch               a module that computes what a model does
    load_torch_weights     a state dict or a safetensors file into a model that is there; returns
                           LoadedWeights, a table
Keras 3
    from_keras             the model of a Keras model or layer, or of a ``.keras`` file
    to_keras               a Keras model that computes what a model does
ONNX
    from_onnx              the model of an ONNX file, with its weights
    to_onnx                a model as an ONNX file: nodes that ONNX has, or a Scan
"""

from typing import TYPE_CHECKING

from rnnbp.interchange.keras_models.reading import from_keras
from rnnbp.interchange.keras_models.writing import to_keras
from rnnbp.interchange.onnx_in.reading import from_onnx
from rnnbp.interchange.onnx_out.writing import to_onnx
from rnnbp.interchange.torch_models.reading import from_torch
from rnnbp.interchange.torch_models.weight_table import LoadedWeights
from rnnbp.interchange.torch_models.weights import load_torch_weights
from rnnbp.interchange.torch_models.writing import to_torch
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = [
    "LoadedWeights",
    "from_keras",
    "from_onnx",
    "from_torch",
    "load_torch_weights",
    "to_keras",
    "to_onnx",
    "to_torch",
]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.interchange", __all__)
