"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed."""

from rnnbp.interchange.to_onnx import to_onnx

__all__ = ["to_onnx"]
