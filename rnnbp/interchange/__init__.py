"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed.

Each name has its own help, as ``help(rnnbp.interchange.from_keras)``.

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
from rnnbp.interchange.onnx_in import from_onnx
from rnnbp.interchange.to_onnx import to_onnx
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = ["from_keras", "from_onnx", "to_keras", "to_onnx"]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.interchange", __all__)
