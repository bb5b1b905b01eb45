"""Layers: differentiable functions that know only themselves; contract in rnnbp.layers.base."""

from typing import TYPE_CHECKING

from rnnbp.layers.base import Layer
from rnnbp.layers.concat import Concat
from rnnbp.layers.conv import Conv1D, Conv2D
from rnnbp.layers.declared import Keeps
from rnnbp.layers.dense import Dense
from rnnbp.layers.dropout import Dropout
from rnnbp.layers.embedding import Embedding
from rnnbp.layers.flatten import Flatten
from rnnbp.layers.linear import Identity, Scale
from rnnbp.layers.merge import Multiply
from rnnbp.layers.norm import LayerNorm
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.pointwise import Sigmoid, Tanh
from rnnbp.layers.pooling import AvgPool, MaxPool
from rnnbp.layers.rectifiers import LeakyReLU, ReLU
from rnnbp.layers.reshape import Reshape
from rnnbp.layers.slice import Slice
from rnnbp.layers.smooth_rectifiers import ELU, GELU, Softplus
from rnnbp.layers.softmax import LogSoftmax, Softmax
from rnnbp.layers.split import Split
from rnnbp.layers.sums import Add, Subtract
from rnnbp.wording.attributes import refusing

__all__ = [
    "ELU",
    "GELU",
    "Add",
    "AvgPool",
    "Concat",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "Keeps",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LogSoftmax",
    "MaxPool",
    "Multiply",
    "OneHot",
    "ReLU",
    "Reshape",
    "Scale",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Subtract",
    "Tanh",
]

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.layers", __all__)
