"""Layers: what a network, and one step of a cell, is built of. Each is in ``rnnbp`` itself too.

Each name has its own help, as ``help(rnnbp.layers.Dense)``. Recurrent layers are ``rnnbp.LSTM``,
``GRU``, ``RNN`` and ``Recurrent``; what holds layers is ``rnnbp.Sequential`` or ``rnnbp.Graph``.

With parameters
    Dense                      W x + b, of one input or several
    Embedding, OneHot          symbols as vectors: learned, or with a single 1
    Conv1D, Conv2D             convolutions within a step
    LayerNorm                  each step normalised over its features
    Gain                       a factor for each feature
Without
    Tanh, Sigmoid, ReLU, LeakyReLU, ELU, GELU, Softplus, Identity   elementwise
    Exp, Log, Sqrt, Square, Reciprocal, Abs, Clip   powers, logarithms, sizes, limits
    Sum, Mean                  over the features, to one
    Softmax, LogSoftmax        over the features; losses take logits, so a model needs neither
    MaxPool, AvgPool           over windows
    Dropout, GaussianNoise, Zoneout    random, in training alone
    Penalty                    L1 and L2 of activity, added to the loss
Shapes and several inputs
    Add, Subtract, Multiply, Divide, Scale   arithmetic, also +, -, * and / of values
    Maximum, Minimum           the larger or smaller of two
    MatVec                     a matrix made of features times a vector
    Concat, Split, Slice, Flatten, Reshape
A layer of your own
    Layer, Keeps               its base class, and what it keeps for its backward pass

>>> import rnnbp as rb
>>> rb.Sequential(rb.Embedding(20, 8), rb.LSTM(8, 16), rb.Dropout(0.1), rb.Dense(16, 20))
Sequential(Embedding(20, 8), LSTM(8, 16), Dropout(0.1), Dense(16, 20))
"""

from typing import TYPE_CHECKING

from rnnbp.layers.base import Layer
from rnnbp.layers.concat import Concat
from rnnbp.layers.conv import Conv1D, Conv2D
from rnnbp.layers.declared import Keeps
from rnnbp.layers.dense import Dense
from rnnbp.layers.dropout import Dropout
from rnnbp.layers.embedding import Embedding
from rnnbp.layers.flatten import Flatten
from rnnbp.layers.gain import Gain
from rnnbp.layers.identity import Identity
from rnnbp.layers.linear import Scale
from rnnbp.layers.merge import Multiply
from rnnbp.layers.noise import GaussianNoise
from rnnbp.layers.norm import LayerNorm
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.pairs import Divide, Maximum, Minimum
from rnnbp.layers.penalty import Penalty
from rnnbp.layers.pointwise import Sigmoid, Tanh
from rnnbp.layers.pooling import AvgPool, MaxPool
from rnnbp.layers.powers import Abs, Clip, Exp, Log, Reciprocal, Sqrt, Square
from rnnbp.layers.rectifiers import LeakyReLU, ReLU
from rnnbp.layers.reductions import MatVec, Mean, Sum
from rnnbp.layers.reshape import Reshape
from rnnbp.layers.slice import Slice
from rnnbp.layers.smooth_rectifiers import ELU, GELU, Softplus
from rnnbp.layers.softmax import LogSoftmax, Softmax
from rnnbp.layers.split import Split
from rnnbp.layers.sums import Add, Subtract
from rnnbp.layers.zoneout import Zoneout
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = [
    "ELU",
    "GELU",
    "Abs",
    "Add",
    "AvgPool",
    "Clip",
    "Concat",
    "Conv1D",
    "Conv2D",
    "Dense",
    "Divide",
    "Dropout",
    "Embedding",
    "Exp",
    "Flatten",
    "Gain",
    "GaussianNoise",
    "Identity",
    "Keeps",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "Log",
    "LogSoftmax",
    "MatVec",
    "MaxPool",
    "Maximum",
    "Mean",
    "Minimum",
    "Multiply",
    "OneHot",
    "Penalty",
    "ReLU",
    "Reciprocal",
    "Reshape",
    "Scale",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Split",
    "Sqrt",
    "Square",
    "Subtract",
    "Sum",
    "Tanh",
    "Zoneout",
]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.layers", __all__)
