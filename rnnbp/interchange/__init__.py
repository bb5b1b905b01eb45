"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed.

from_onnx                  a model of an ONNX file, with its weights
to_onnx                    a file of ONNX, which onnxruntime runs
"""

from rnnbp.interchange.from_onnx import from_onnx
from rnnbp.interchange.to_onnx import to_onnx

__all__ = ["from_onnx", "to_onnx"]
