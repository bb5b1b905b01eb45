"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed."""

__all__: list[str] = []
