"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed."""

from rnnbp.interchange.keras_models.reading import from_keras
from rnnbp.interchange.keras_models.writing import to_keras

__all__ = ["from_keras", "to_keras"]
