"""Every optimiser and every loss, in every option, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

from rnnbp import optim
from rnnbp.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
)

torch = pytest.importorskip("torch")

SHAPES = {"0.weight": (5, 3), "0.bias": (5,)}
DECAYS = (0.0, 0.1)
CASES = (
    [
        (optim.SGD, "SGD", {"momentum": m, "nesterov": n, "weight_decay": d}, {})
        for m, n in ((0.0, False), (0.9, False), (0.9, True))
        for d in DECAYS
    ]
    + [
        (
            optim.Adagrad,
            "Adagrad",
            {"lr_decay": r, "weight_decay": d, "eps": e},
            {"initial_accumulator": a},
        )
        for r in (0.0, 0.2)
        for d in DECAYS
        for a, e in ((0.0, 1e-10), (0.5, 1e-3))
    ]
    + [
        (optim.RMSProp, "RMSprop", {"alpha": a, "momentum": m, "weight_decay": d, "eps": e}, {})
        for a, e in ((0.99, 1e-8), (0.9, 1e-3))
        for m in (0.0, 0.9)
        for d in DECAYS
    ]
    + [
        (cls, cls.__name__, {"betas": b, "eps": e, "weight_decay": d}, {})
        for cls in (optim.Adam, optim.AdamW)
        for b, e in (((0.9, 0.999), 1e-8), ((0.8, 0.9), 1e-3), ((0.0, 0.9), 1e-8))
        for d in DECAYS
    ]
)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 2e-6)])
@pytest.mark.parametrize(("cls", "name", "both", "ours"), CASES)
def test_twenty_steps_of_an_optimizer(cls, name, both, ours, dtype, tolerance):
    rng = np.random.default_rng(0)
    params = {key: rng.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}
    tensors = {key: torch.tensor(p.copy(), requires_grad=True) for key, p in params.items()}
    theirs = {"initial_accumulator_value": ours["initial_accumulator"]} if ours else {}
    peer = getattr(torch.optim, name)(tensors.values(), lr=0.02, **both, **theirs)
    optimizer = cls(params, learning_rate=0.02, **both, **ours)
    for step in range(20):
        grads = {key: rng.normal(size=shape).astype(dtype) for key, shape in SHAPES.items()}
        rate = 0.02 / (1 + step // 7)
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[key])
        peer.param_groups[0]["lr"] = rate
        peer.step()
        optimizer.step(grads, learning_rate=rate)
        for key, tensor in tensors.items():
            wanted = tensor.detach().numpy()
            scale = np.abs(wanted).max()
            np.testing.assert_allclose(params[key], wanted, rtol=tolerance, atol=tolerance * scale)


@pytest.mark.parametrize(
    ("cls", "options"),
    [(optim.SGD, {"momentum": 0.9}), (optim.Adam, {"betas": (0.5, 0.8)}), (optim.AdamW, {})],
)
def test_groups_and_frozen_parameters(cls, options):
    """Biases without decay, one weight at a tenth of the rate, a scheduler over all, one frozen."""
    rng = np.random.default_rng(0)
    params = {
        key: rng.normal(size=(3, 2))
        for key in ("body.weight", "body.bias", "head.weight", "frozen.weight")
    }
    tensors = {
        key: torch.tensor(p.copy(), requires_grad=key[0] != "f") for key, p in params.items()
    }
    groups = [
        {"params": [tensors["body.weight"]]},
        {"params": [tensors["body.bias"]], "weight_decay": 0.0},
        {"params": [tensors["head.weight"]], "lr": 0.002, **options},
    ]
    peer = getattr(torch.optim, cls.__name__)(groups, lr=0.02, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(peer, 3, 0.5)
    ours = {"*bias": {"weight_decay": 0.0}, "head.*": {"learning_rate": 0.002, **options}}
    rate = optim.StepDecay(0.02, 3, 0.5)
    rule = cls(params, rate, weight_decay=0.1, groups=ours, frozen="frozen.*")
    for _ in range(10):
        grads = {key: rng.normal(size=p.shape) for key, p in params.items()}
        for key, tensor in tensors.items():
            tensor.grad = torch.tensor(grads[key]) if tensor.requires_grad else None
        peer.step()
        scheduler.step()
        rule.step(grads)
        for key, tensor in tensors.items():
            np.testing.assert_allclose(params[key], tensor.detach().numpy(), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize(
    "options", [{"patience": 0}, {"patience": 2, "cooldown": 1}, {"patience": 1, "threshold": 0.1}]
)
def test_on_plateau(options, mode):
    metrics = np.abs(np.random.default_rng(3).normal(size=60)) + np.linspace(3, 1, 60)
    plateau = optim.OnPlateau(1.0, factor=0.7, floor=0.01, mode=mode, **options)
    peer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(peer, mode, 0.7, min_lr=0.01, **options)
    found, wanted = [], []
    for metric in metrics.tolist():
        found.append(plateau.update(metric))
        schedule.step(metric)
        wanted.append(peer.param_groups[0]["lr"])
    assert found == wanted
    assert found[-1] < 0.5


T, B, K = 7, 3, 5
CLASS_WEIGHT = np.array([0.5, 2.0, 0.0, 1.0, 3.0])


def outputs(dtype):
    rng = np.random.default_rng(1)
    return (
        (rng.normal(size=(T, B, K)) * 3).astype(dtype),
        rng.random((T, B)) * (rng.random((T, B)) > 0.3),
        rng,
    )


def assert_same(found, dy, wanted, tensor, dtype):
    tolerance = 1e-12 if dtype == np.float64 else 2e-6
    wanted.backward()
    assert found == pytest.approx(wanted.item(), rel=tolerance)
    assert dy.dtype == dtype
    gradient = tensor.grad.numpy()
    np.testing.assert_allclose(
        dy, gradient, rtol=tolerance, atol=tolerance * np.abs(gradient).max()
    )


F = torch.nn.functional
ELEMENTWISE = [
    (MeanSquaredError(), F.mse_loss, {}),
    (MeanAbsoluteError(), F.l1_loss, {}),
    (Huber(), F.huber_loss, {}),
    (Huber(0.4), F.huber_loss, {"delta": 0.4}),
    (BinaryCrossEntropy(), F.binary_cross_entropy_with_logits, {}),
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("loss", "peer", "options"), ELEMENTWISE)
def test_elementwise_losses(loss, peer, options, weighted, dtype):
    y, w, rng = outputs(dtype)
    target = rng.random(y.shape).astype(dtype)
    tensor = torch.tensor(y, requires_grad=True)
    each = peer(tensor, torch.tensor(target), reduction="none", **options)
    wide = torch.tensor(
        np.broadcast_to((w if weighted else np.ones_like(w))[..., None], y.shape).astype(dtype)
    )
    found, dy = loss(y, target, w if weighted else None)
    assert_same(found, dy, (each * wide).sum() / wide.sum(), tensor, dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weight", [None, CLASS_WEIGHT])
@pytest.mark.parametrize("padded", [False, True])
def test_cross_entropy(padded, class_weight, smoothing, dtype):
    y, w, rng = outputs(dtype)
    target = rng.integers(0, K, (T, B))
    mask = w > 0 if padded else None
    target[~mask if padded else np.zeros((T, B), bool)] = -100
    tensor = torch.tensor(y, requires_grad=True)
    v = None if class_weight is None else torch.tensor(class_weight.astype(dtype))
    wanted = F.cross_entropy(
        tensor.reshape(-1, K),
        torch.tensor(target).reshape(-1),
        v,
        ignore_index=-100,
        label_smoothing=smoothing,
    )
    found, dy = CrossEntropy(class_weight, smoothing)(y, target, mask)
    assert_same(found, dy, wanted, tensor, dtype)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weight", [None, CLASS_WEIGHT])
def test_weighted_cross_entropy(class_weight, smoothing):
    y, w, rng = outputs(np.float64)
    target, tensor = rng.integers(0, K, (T, B)), torch.tensor(y, requires_grad=True)
    v = torch.ones(K, dtype=torch.float64) if class_weight is None else torch.tensor(class_weight)
    classes, weights = torch.tensor(target).reshape(-1), torch.tensor(w).reshape(-1)
    each = F.cross_entropy(
        tensor.reshape(-1, K), classes, v, reduction="none", label_smoothing=smoothing
    )
    found, dy = CrossEntropy(class_weight, smoothing)(y, target, w)
    assert_same(
        found, dy, (each * weights).sum() / (v[classes] * weights).sum(), tensor, np.float64
    )
