"""Layers against PyTorch, forward and backward, in float64. Runs where torch is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rnnbp import layers as L  # noqa: N812
from rnnbp.layers import Layer

torch = pytest.importorskip("torch")
nn = torch.nn

CONV = {"dtype": "float64", "rng": 0}
BATCH = (2, 3)

CASES: list[tuple[str, Callable[[], Layer], Callable[[], Any], tuple[int, ...]]] = [
    ("Dense", lambda: L.Dense(5, 4, dtype="float64", rng=0), lambda: nn.Linear(5, 4), (5,)),
    (
        "Dense-no-bias",
        lambda: L.Dense(5, 4, bias=False, **CONV),
        lambda: nn.Linear(5, 4, bias=False),
        (5,),
    ),
    ("Sigmoid", L.Sigmoid, nn.Sigmoid, (5,)),
    ("Tanh", L.Tanh, nn.Tanh, (5,)),
    ("ReLU", L.ReLU, nn.ReLU, (5,)),
    ("LeakyReLU", lambda: L.LeakyReLU(0.2), lambda: nn.LeakyReLU(0.2), (5,)),
    ("ELU", lambda: L.ELU(0.7), lambda: nn.ELU(0.7), (5,)),
    ("GELU", L.GELU, nn.GELU, (5,)),
    ("Softplus", L.Softplus, nn.Softplus, (5,)),
    ("Softmax", L.Softmax, lambda: nn.Softmax(dim=-1), (5,)),
    ("LogSoftmax", L.LogSoftmax, lambda: nn.LogSoftmax(dim=-1), (5,)),
    ("Flatten", lambda: L.Flatten(3), nn.Flatten, (2, 3, 4)),
    ("LayerNorm", lambda: L.LayerNorm(6, dtype="float64"), lambda: nn.LayerNorm(6), (6,)),
    (
        "LayerNorm-2axes",
        lambda: L.LayerNorm((2, 3), eps=0.1, bias=False, dtype="float64"),
        lambda: nn.LayerNorm((2, 3), eps=0.1, bias=False),
        (2, 3),
    ),
    *(
        (
            f"Conv2D-{o}",
            lambda o=o: L.Conv2D(3, 4, (2, 3), **o, **CONV),
            lambda o=o: nn.Conv2d(3, 4, (2, 3), **o),
            (3, 9, 8),
        )
        for o in (
            {},
            {"stride": 2, "padding": 1},
            {"stride": (2, 1), "padding": (0, 2), "dilation": (1, 2)},
            {"padding": "same"},
            {"padding": "same", "dilation": 2},
            {"padding": "valid", "stride": 3, "bias": False},
        )
    ),
    *(
        (
            f"Conv1D-{o}",
            lambda o=o: L.Conv1D(3, 4, 4, **o, **CONV),
            lambda o=o: nn.Conv1d(3, 4, 4, **o),
            (3, 11),
        )
        for o in (
            {},
            {"stride": 3, "padding": 2, "dilation": 2},
            {"padding": "same"},
            {"bias": False, "padding": 1},
        )
    ),
    *(
        (
            f"{ours.__name__}{a}",
            lambda ours=ours, a=a: ours(*a),
            lambda theirs=theirs, a=a: theirs(*a),
            shape,
        )
        for ours, theirs, shape, settings in (
            (
                L.MaxPool,
                nn.MaxPool2d,
                (3, 9, 8),
                (((2, 2),), ((3, 2), (2, 1), (1, 1)), ((3, 3), 1, 1)),
            ),
            (
                L.AvgPool,
                nn.AvgPool2d,
                (3, 9, 8),
                (((2, 2),), ((3, 2), (2, 1), (1, 1)), ((3, 3), 1, 1)),
            ),
            (L.MaxPool, nn.MaxPool1d, (3, 9), ((2,), (3, 2, 1), (4, 1, 2))),
            (L.AvgPool, nn.AvgPool1d, (3, 9), ((2,), (3, 2, 1), (4, 1, 2))),
        )
        for a in settings
    ),
]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
@pytest.mark.parametrize(
    ("build", "build_theirs", "shape"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_agrees_with_torch(
    build: Callable[[], Layer], build_theirs: Callable[[], Any], shape: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(0)
    layer, theirs = build(), build_theirs().double()
    for key, value in layer.params.items():
        value[...] = rng.normal(size=value.shape)
        getattr(theirs, key).data = torch.tensor(value)
    assert sorted(layer.params) == sorted(key for key, _ in theirs.named_parameters())
    x = rng.normal(size=(*BATCH, *shape))
    y, saved = layer.forward(x)
    dy = rng.normal(size=y.shape)
    their_x = torch.tensor(x.reshape(-1, *shape), requires_grad=True)
    their_y = theirs(their_x)
    their_y.backward(torch.tensor(dy.reshape(their_y.shape)))
    close(y, their_y)
    close(layer.backward_inputs(saved, dy)[0], their_x.grad)
    for key, grad in layer.backward_params(saved, dy).items():
        close(grad, getattr(theirs, key).grad)


def test_embedding_agrees_with_torch() -> None:
    layer, theirs = L.Embedding(5, 3, dtype="float64", rng=0), nn.Embedding(5, 3).double()
    theirs.weight.data = torch.tensor(layer.params["weight"].copy())
    x = np.random.default_rng(0).integers(0, 5, (4, 6))
    y, saved = layer.forward(x)
    dy = np.random.default_rng(1).normal(size=y.shape)
    their_y = theirs(torch.tensor(x))
    their_y.backward(torch.tensor(dy))
    close(y, their_y)
    close(layer.backward_params(saved, dy)["weight"], theirs.weight.grad)


@pytest.mark.parametrize("slot", [0, 1])
def test_max_pool_of_ties_agrees_with_torch(slot: int) -> None:
    x = np.zeros((1, 6))
    x[0, slot] = -1.0
    layer, their_x = L.MaxPool(3), torch.tensor(x[None], requires_grad=True)
    y, saved = layer.forward(x)
    nn.MaxPool1d(3)(their_x).sum().backward()
    close(layer.backward_inputs(saved, np.ones_like(y))[0], their_x.grad[0])


def close(ours: Any, theirs: Any) -> None:
    expected = theirs.detach().numpy()
    np.testing.assert_allclose(ours, expected.reshape(ours.shape), rtol=1e-12, atol=1e-12)
