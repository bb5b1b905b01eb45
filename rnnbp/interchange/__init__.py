"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed.

from_onnx                  a model of an ONNX file, with its weights
"""

from rnnbp.interchange.from_onnx import from_onnx

__all__ = ["from_onnx"]
