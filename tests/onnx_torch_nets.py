"""Modules of PyTorch with random weights, as people export them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

T, B, F = 6, 3, 4


class Net(nn.Module):  # type: ignore[misc]  # torch is not there for mypy
    """A module of parts by name and a function of them and the inputs."""

    def __init__(self, forward: Callable[..., object], **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)
        self.function = forward

    def forward(self, *inputs: Tensor) -> object:
        return self.function(self, *inputs)


class LearnedStart(nn.Module):  # type: ignore[misc]  # likewise
    """A GRU whose initial state is a parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.h0, self.rnn = nn.Parameter(torch.randn(1, 1, 5)), nn.GRU(F, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.rnn(x, self.h0.expand(1, x.shape[1], 5).contiguous())[0]


def _frames(net: Net, x: Tensor) -> Tensor:
    b, t = x.shape[:2]
    each = torch.relu(net.conv(x.reshape(b * t, *x.shape[2:])))
    return net.rnn(net.pool(each).flatten(1).reshape(b, t, -1))[0]


def _coder(net: Net, x: Tensor, z: Tensor) -> Tensor:
    _, state = net.encoder(x)
    return net.head(net.decoder(z, state)[0])


def _states(net: Net, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
    y, (h_n, c_n) = net.rnn(x, (h, c))
    return net.head(y), h_n, c_n


def _pointwise(net: Net, x: Tensor) -> Tensor:
    y = net.rnn(x)[0]
    y = nn.functional.elu(y) + nn.functional.softplus(y) * torch.clamp(y, -0.3, 0.4) - torch.exp(y)
    return torch.sqrt(y**2 + 1) / (torch.abs(y) + 2) - torch.log(3 + y.tanh()) + torch.sigmoid(-y)


def _split(net: Net, x: Tensor) -> Tensor:
    a, b = net.rnn(x)[0].chunk(2, dim=-1)
    return torch.cat([a * torch.sigmoid(b), x[..., 1:3]], -1)


SERIES: dict[str, Callable[[], nn.Module]] = {
    "lstm": lambda: Net(lambda n, x: n.head(n.rnn(x)[0]), rnn=nn.LSTM(F, 5), head=nn.Linear(5, 2)),
    "lstm of 3 layers": lambda: Net(lambda n, x: n.rnn(x)[0], rnn=nn.LSTM(F, 5, 3, dropout=0.3)),
    "gru without biases": lambda: Net(lambda n, x: n.rnn(x)[0], rnn=nn.GRU(F, 5, bias=False)),
    "gru of both directions": lambda: Net(
        lambda n, x: n.rnn(x)[0], rnn=nn.GRU(F, 5, 2, bidirectional=True)
    ),
    "rnn of both directions": lambda: Net(
        lambda n, x: n.rnn(x)[0], rnn=nn.RNN(F, 5, bidirectional=True)
    ),
    "relu and mean": lambda: Net(
        lambda n, x: n.rnn(x)[0] - n.rnn(x)[0].mean(0), rnn=nn.RNN(F, 5, nonlinearity="relu")
    ),
    "residual": lambda: Net(
        lambda n, x: torch.softmax(n.norm(x + n.rnn(x)[0]), -1),
        rnn=nn.LSTM(F, F),
        norm=nn.LayerNorm(F),
    ),
    "pointwise": lambda: Net(_pointwise, rnn=nn.GRU(F, 5)),
    "glu": lambda: Net(_split, rnn=nn.LSTM(F, 6)),
    "learned start": LearnedStart,
    "float64": lambda: Net(
        lambda n, x: n.head(n.rnn(x)[0]),
        rnn=nn.LSTM(F, 5, bidirectional=True),
        head=nn.Linear(10, 2),
    ).double(),
}
"""Series (T, B, F) to series."""

LAST: dict[str, Callable[[], nn.Module]] = {
    "last of 2 layers": lambda: Net(
        lambda n, x: n.head(n.rnn(x)[0][:, -1]),
        rnn=nn.LSTM(F, 5, 2, batch_first=True),
        head=nn.Linear(5, 2),
    ),
    "final states": lambda: Net(
        lambda n, x: n.head(torch.cat([n.rnn(x)[1][-2], n.rnn(x)[1][-1]], 1)),
        rnn=nn.GRU(F, 5, 2, bidirectional=True, batch_first=True),
        head=nn.Linear(10, 2),
    ),
    "largest": lambda: Net(
        lambda n, x: n.head(n.rnn(x)[0].max(1)[0]),
        rnn=nn.LSTM(F, 5, batch_first=True, bidirectional=True),
        head=nn.Linear(10, 3),
    ),
    "cells": lambda: Net(
        lambda n, x: n.head(n.rnn(x)[1][1][0]),
        rnn=nn.LSTM(F, 5, batch_first=True),
        head=nn.Sequential(nn.Linear(5, 4), nn.GELU(), nn.Linear(4, 2), nn.LeakyReLU(0.2)),
    ),
}
"""Batch-first series (B, T, F) to one value for each sequence."""


def symbols() -> nn.Module:
    """Symbols (B, T) to log-probabilities."""
    parts = {
        "table": nn.Embedding(7, F),
        "norm": nn.LayerNorm(F),
        "rnn": nn.GRU(F, 5, batch_first=True),
    }
    parts |= {"head": nn.Linear(5, 7)}
    return Net(lambda n, x: torch.log_softmax(n.head(n.rnn(n.norm(n.table(x)))[0]), -1), **parts)


def frames() -> nn.Module:
    """Pictures (B, T, 2, 8, 8) to series."""
    return Net(
        _frames,
        conv=nn.Conv2d(2, 3, 3, padding=1),
        pool=nn.MaxPool2d(2),
        rnn=nn.LSTM(48, 5, batch_first=True),
    )


def coder() -> nn.Module:
    """A series, and another that is decoded from its final state."""
    return Net(_coder, encoder=nn.LSTM(F, 5), decoder=nn.LSTM(3, 5), head=nn.Linear(5, 2))


def with_states() -> nn.Module:
    """A series and initial states, to a series and final states."""
    return Net(_states, rnn=nn.LSTM(F, 5, bidirectional=True), head=nn.Linear(10, 2))


def packed() -> nn.Module:
    """A series and the lengths of its rows, the longest first, to a series that is 0 past these."""
    return Net(_packed, rnn=nn.GRU(F, 5, bidirectional=True))


def _packed(net: Net, x: Tensor, lengths: Tensor) -> Tensor:
    rows = nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=True)
    return nn.utils.rnn.pad_packed_sequence(net.rnn(rows)[0])[0]
