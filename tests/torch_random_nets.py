"""Random chains of PyTorch's modules: nested, with names, shared parts, and all kinds of layers."""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import Any

ACTIVATIONS = [
    "Tanh",
    "SiLU",
    "GELU",
    "Softplus",
    "Identity",
    "Mish",
    "Tanhshrink",
    "ReLU",
    "LogSigmoid",
]
DEEPEST = 3


def random_net(nn: Any, seed: int, features: int = 3) -> Any:
    """A chain that takes this many features."""
    return _chain(nn, random.Random(seed), features, 0)[0]


def _chain(nn: Any, r: random.Random, n: int, depth: int) -> tuple[Any, int]:
    """A chain of up to four parts, and the features of its output."""
    parts: list[Any] = []
    for _ in range(r.randint(1, 4)):
        more, n = r.choice(PARTS)(nn, r, n, depth)
        parts += more
    named = OrderedDict((f"p{k}", part) for k, part in enumerate(parts))
    return nn.Sequential(named) if r.random() < 0.4 else nn.Sequential(*parts), n


def _linear(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    size = r.randint(1, 5)
    return [nn.Linear(n, size, bias=r.random() < 0.7)], size


def _recurrent(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    kind, units, layers = r.choice(("LSTM", "GRU", "RNN")), r.randint(2, 5), r.randint(1, 3)
    options: dict[str, Any] = {"bidirectional": r.random() < 0.4, "bias": r.random() < 0.8}
    if layers > 1 and r.random() < 0.5:
        options["dropout"] = 0.2
    if kind == "LSTM" and r.random() < 0.4:
        options["proj_size"] = r.randint(1, units - 1)
    if kind == "RNN":
        options["nonlinearity"] = r.choice(("tanh", "relu"))
    width = options.get("proj_size", units) * (1 + options["bidirectional"])
    return [getattr(nn, kind)(n, units, layers, **options)], width


def _pointwise(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    part = getattr(nn, r.choice(ACTIVATIONS))()
    others = (nn.ELU(0.3), nn.Softmax(-1), nn.GELU("tanh"), nn.Dropout(0.1), nn.LeakyReLU(0.1))
    return [r.choice((part, part, *others))], n


def _norm(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    return [nn.LayerNorm(n, eps=10.0 ** -r.randint(3, 6), bias=r.random() < 0.5)], n


def _nested(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    if depth == DEEPEST:
        return [nn.ReLU()], n
    part, size = _chain(nn, r, n, depth + 1)
    return [part], size


def _twice(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    part = nn.Linear(n, n)
    return [part, nn.Tanh(), part], n


def _windows(nn: Any, r: random.Random, n: int, depth: int) -> tuple[list[Any], int]:
    convolution = nn.Conv1d(1, 2, 2, padding=1)
    return [nn.Unflatten(-1, (1, n)), convolution, nn.Flatten(-2)], 2 * (n + 1)


PARTS = (_linear, _recurrent, _recurrent, _pointwise, _norm, _nested, _twice, _windows)
