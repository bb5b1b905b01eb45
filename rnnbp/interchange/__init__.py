"""Models of PyTorch, Keras and ONNX, to and from. None of these is imported before it is needed.

PyTorch
    from_torch             a model with the layers and weights of a module
    to_torch               a module that computes what a model does
    load_torch_weights     a state dict or a safetensors file into a model that is there; returns
                           LoadedWeights, a table

Each name has its own help, as ``help(rnnbp.interchange.from_torch)``.
"""

from typing import TYPE_CHECKING

from rnnbp.interchange.pytorch.reading import from_torch
from rnnbp.interchange.pytorch.weight_table import LoadedWeights
from rnnbp.interchange.pytorch.weights import load_torch_weights
from rnnbp.interchange.pytorch.writing import to_torch
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = [
    "LoadedWeights",
    "from_torch",
    "load_torch_weights",
    "to_torch",
]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.interchange", __all__)
