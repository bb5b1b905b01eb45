"""Modules of PyTorch that are converted here and back, with the features of one step of x."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

SYMBOLS = ()
"""The feature shape of symbols, from 0 to 6."""
Net = tuple[Callable[[Any], Any], tuple[int, ...]]


def tied(nn: Any) -> Any:
    """A decoder with the weight of the embedding."""
    net = nn.Sequential(nn.Embedding(7, 5), nn.GRU(5, 5), nn.Linear(5, 7))
    net[2].weight = net[0].weight
    return net


def shared(nn: Any) -> Any:
    """One module in two places, and a recurrent one in another chain."""
    twice = nn.Linear(4, 4)
    return nn.Sequential(twice, nn.Tanh(), twice, nn.Sequential(nn.LSTM(4, 3)), nn.Linear(3, 2))


def shared_by_name(nn: Any) -> Any:
    """One module under two names, and a chain of them."""
    part = nn.Sequential(OrderedDict(cell=nn.GRU(4, 4), act=nn.Tanh()))
    head = nn.Linear(4, 4)
    return nn.Sequential(OrderedDict(a=part, head=head, b=part, again=head, act=nn.Softsign()))


def named(nn: Any) -> Any:
    encoder = nn.Sequential(OrderedDict(norm=nn.LayerNorm(4, eps=1e-3), rnn=nn.GRU(4, 5, 2)))
    return nn.Sequential(OrderedDict(encoder=encoder, act=nn.SiLU(), head=nn.Linear(5, 3)))


RECURRENT: dict[str, Net] = {
    "rnn": (lambda nn: nn.RNN(4, 5), (4,)),
    "rnn relu": (lambda nn: nn.RNN(4, 5, 2, nonlinearity="relu"), (4,)),
    "rnn both, no bias": (lambda nn: nn.RNN(4, 5, bidirectional=True, bias=False), (4,)),
    "rnn relu both": (lambda nn: nn.RNN(4, 5, 3, "relu", dropout=0.2, bidirectional=True), (4,)),
    "lstm": (lambda nn: nn.LSTM(4, 5), (4,)),
    "lstm 3": (lambda nn: nn.LSTM(4, 5, 3), (4,)),
    "lstm 1 feature": (lambda nn: nn.LSTM(1, 1), (1,)),
    "lstm both": (lambda nn: nn.LSTM(4, 5, bidirectional=True), (4,)),
    "lstm both 2": (lambda nn: nn.LSTM(4, 5, 2, dropout=0.3, bidirectional=True), (4,)),
    "lstm projected": (lambda nn: nn.LSTM(4, 5, proj_size=3), (4,)),
    "lstm projected both 2": (lambda nn: nn.LSTM(4, 5, 2, bidirectional=True, proj_size=2), (4,)),
    "lstm no bias 2": (lambda nn: nn.LSTM(4, 5, 2, bias=False), (4,)),
    "gru": (lambda nn: nn.GRU(4, 5), (4,)),
    "gru no bias both": (lambda nn: nn.GRU(4, 5, bias=False, bidirectional=True), (4,)),
    "gru 3": (lambda nn: nn.GRU(4, 5, 3, dropout=0.1), (4,)),
}
CHAINS: dict[str, Net] = {
    "symbols": (
        lambda nn: nn.Sequential(nn.Embedding(7, 4), nn.LSTM(4, 5), nn.Linear(5, 7)),
        SYMBOLS,
    ),
    "tied": (tied, SYMBOLS),
    "shared": (shared, (4,)),
    "shared by name": (shared_by_name, (4,)),
    "named": (named, (4,)),
    "one in a chain": (lambda nn: nn.Sequential(nn.GRU(4, 5)), (4,)),
    "unlike in a row": (lambda nn: nn.Sequential(nn.LSTM(4, 5), nn.LSTM(5, 3), nn.ReLU()), (4,)),
    "kinds in a row": (lambda nn: nn.Sequential(nn.GRU(4, 5), nn.Dropout(0.2), nn.RNN(5, 5)), (4,)),
    "no time": (lambda nn: nn.Sequential(nn.Linear(4, 6, bias=False), nn.Linear(6, 2)), (4,)),
    "norms": (
        lambda nn: nn.Sequential(
            nn.LayerNorm(4, elementwise_affine=False), nn.Linear(4, 3), nn.LayerNorm(3, bias=False)
        ),
        (4,),
    ),
    "windows of a line": (
        lambda nn: nn.Sequential(
            nn.Conv1d(2, 3, 3, stride=2, padding=2, dilation=2, bias=False),
            nn.ELU(0.7),
            nn.MaxPool1d(2, 1, 1),
            nn.Flatten(),
            nn.Linear(21, 2),
        ),
        (2, 12),
    ),
    "windows of a picture": (
        lambda nn: nn.Sequential(
            nn.Unflatten(-1, (2, 6, 5)),
            nn.Conv2d(2, 3, (3, 2), padding=(1, 0)),
            nn.AvgPool2d(2, (2, 1), 1),
            nn.LayerNorm([3, 4, 5]),
            nn.Flatten(-3),
            nn.GRU(60, 3),
        ),
        (60,),
    ),
    "same": (
        lambda nn: nn.Sequential(
            nn.Conv1d(1, 2, 4, padding="same"), nn.AvgPool1d(3, padding=1), nn.Flatten(1, 2)
        ),
        (1, 9),
    ),
}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": lambda nn: nn.Tanh(),
    "sigmoid": lambda nn: nn.Sigmoid(),
    "leaky": lambda nn: nn.LeakyReLU(0.2),
    "leaky without slope": lambda nn: nn.LeakyReLU(0.0),
    "gelu": lambda nn: nn.GELU(),
    "gelu tanh": lambda nn: nn.GELU(approximate="tanh"),
    "softplus": lambda nn: nn.Softplus(),
    "softplus beta": lambda nn: nn.Softplus(2.5),
    "silu": lambda nn: nn.SiLU(),
    "mish": lambda nn: nn.Mish(),
    "log sigmoid": lambda nn: nn.LogSigmoid(),
    "softsign": lambda nn: nn.Softsign(),
    "tanhshrink": lambda nn: nn.Tanhshrink(),
    "hardtanh": lambda nn: nn.Hardtanh(-0.3, 0.4),
    "relu6": lambda nn: nn.ReLU6(),
    "softmax": lambda nn: nn.Softmax(-1),
    "log softmax": lambda nn: nn.LogSoftmax(dim=-1),
    "identity": lambda nn: nn.Identity(),
}


def between(build: Callable[[Any], Any]) -> Net:
    """An activation of both signs, with layers before and after it."""
    return (lambda nn: nn.Sequential(nn.Linear(4, 6), build(nn), nn.Linear(6, 3)), (4,))


NETS = RECURRENT | CHAINS | {name: between(build) for name, build in ACTIVATIONS.items()}
