"""Layers: differentiable functions that know only themselves. See rnnbp.layers.base for the
contract."""

from rnnbp.layers.base import Layer
from rnnbp.layers.conv import Conv1D, Conv2D
from rnnbp.layers.declared import Keeps
from rnnbp.layers.dense import Dense
from rnnbp.layers.dropout import Dropout
from rnnbp.layers.embedding import Embedding, OneHot
from rnnbp.layers.merge import Add, Concat, Multiply, Subtract
from rnnbp.layers.norm import LayerNorm
from rnnbp.layers.pointwise import Identity, Scale, Sigmoid, Tanh
from rnnbp.layers.pooling import AvgPool, MaxPool
from rnnbp.layers.rectifiers import ELU, GELU, LeakyReLU, ReLU, Softplus
from rnnbp.layers.reshape import Flatten, Reshape
from rnnbp.layers.softmax import LogSoftmax, Softmax
from rnnbp.layers.split import Slice, Split

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
