"""Losses: values, derivatives, masks, dtypes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnnbp.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Elementwise,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Quantile,
)

T, B, K = 6, 3, 4

CLASS_WEIGHT = np.array([1.0, 0.0, 0.25, 3.0])

LOSSES: dict[str, Loss] = {
    "mse": MeanSquaredError(),
    "mae": MeanAbsoluteError(),
    "huber": Huber(),
    "huber 0.3": Huber(0.3),
    "quantile": Quantile(0.8),
    "quantiles": Quantile((0.1, 0.5, 0.8, 0.9)),
    "bce": BinaryCrossEntropy(),
    "ce": CrossEntropy(),
    "ce weights": CrossEntropy(CLASS_WEIGHT),
    "ce smooth": CrossEntropy(label_smoothing=0.2),
    "ce both": CrossEntropy(CLASS_WEIGHT, label_smoothing=0.2),
}

WEIGHTS = ("none", "mask", "float", "by step", "every element")


def case(name, weights, seed=0):
    """(loss, y, target, weights) of one sequence.

    "every element" is full for elementwise losses.
    """
    rng, loss = np.random.default_rng(seed), LOSSES[name]
    y = rng.normal(size=(T, B, K)) * 2
    classes = isinstance(loss, CrossEntropy)
    target = rng.integers(0, K, (T, B)) if classes else rng.random((T, B, K))
    shape = {"by step": (T,), "every element": target.shape}.get(weights, (T, B))
    w = rng.random(shape) * (rng.random(shape) > 0.3)
    w = {"none": None, "mask": w > 0}.get(weights, w)
    return loss, y, target, w


def freeze(*arrays):
    for x in arrays:
        if x is not None:
            x.flags.writeable = False


@pytest.mark.quick
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_derivative_by_complex_step(name, weights):
    loss, y, target, w = case(name, weights)
    freeze(y, target, w)
    value, dy = loss.summed(y, target, w)
    wanted = np.empty_like(y)
    for at in np.ndindex(y.shape):
        z = y.astype(complex)
        z[at] += 1e-30j
        wanted[at] = loss.summed(z, target, w)[0].imag / 1e-30
    np.testing.assert_allclose(dy, wanted, rtol=1e-12, atol=1e-12)
    z_value, dz = loss.summed(y.astype(complex), target, w)
    assert dz.dtype == np.complex128
    np.testing.assert_allclose(dz, dy, rtol=1e-13, atol=1e-14)
    assert isinstance(value, float)
    assert z_value == pytest.approx(value, rel=1e-14)


def naive(loss, y, target, q):
    """ℓ of one element (elementwise) or of one row of logits, straight from the definition."""
    if isinstance(loss, MeanSquaredError):
        return (y - target) ** 2
    if isinstance(loss, MeanAbsoluteError):
        return abs(y - target)
    if isinstance(loss, Huber):
        d = abs(y - target)
        return d * d / 2 if d <= loss.delta else loss.delta * (d - loss.delta / 2)
    if isinstance(loss, Quantile):
        return max(q * (target - y), (q - 1) * (target - y))
    if isinstance(loss, BinaryCrossEntropy):
        p = 1 / (1 + math.exp(-y))
        return -target * math.log(p) - (1 - target) * math.log(1 - p)
    v = np.ones(K) if loss.class_weight is None else loss.class_weight
    log_p = [math.log(math.exp(u) / sum(math.exp(x) for x in y)) for u in y]
    e = loss.label_smoothing
    return -(1 - e) * v[target] * log_p[target] - e / K * sum(v[c] * log_p[c] for c in range(K))


@pytest.mark.quick
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_values_are_the_definition(name, weights):
    loss, y, target, w = case(name, weights)
    total = count = 0.0
    quantiles = np.broadcast_to(getattr(loss, "q", 0.0), K)
    for at in np.ndindex(target.shape):
        each = 1.0 if w is None else float(w[at[: w.ndim]])
        total += each * naive(loss, y[at], target[at], quantiles[at[-1]])
        v = getattr(loss, "class_weight", None)
        count += each if v is None else each * v[target[at]]
    assert loss.summed(y, target, w)[0] == pytest.approx(total, rel=1e-13)
    assert loss.total(target, w, outputs=y.shape) == pytest.approx(count, rel=1e-14)
    mean, dy = loss(y, target, w)
    assert mean == pytest.approx(total / count, rel=1e-13)
    np.testing.assert_allclose(dy, loss.summed(y, target, w)[1] / count, rtol=1e-14)


@pytest.mark.quick
@pytest.mark.parametrize(
    ("loss", "y", "target", "value", "dy"),
    [
        (MeanSquaredError(), [[3.0, 1.0]], [[1.0, 2.0]], 2.5, [[2.0, -1.0]]),
        (MeanAbsoluteError(), [[3.0, 1.0, 5.0]], [[1.0, 2.0, 5.0]], 1.0, [[1 / 3, -1 / 3, 0.0]]),
        (Huber(2.0), [[0.0, 1.0, 5.0, -5.0]], [[0.0, 0.0, 0.0, 0.0]], 16.5 / 4, [[0.0, 0.25, 0.5, -0.5]]),
        (Quantile(0.75), [[1.0, 4.0, 3.0]], [[3.0, 3.0, 3.0]], 1.75 / 3, [[-0.25, 0.25 / 3, 0.0]]),
        (BinaryCrossEntropy(), [[0.0, 0.0]], [[1.0, 0.0]], math.log(2), [[-0.25, 0.25]]),
        (CrossEntropy(), [[0.0, 0.0, 0.0]], [1], math.log(3), [[1 / 3, -2 / 3, 1 / 3]]),
        (CrossEntropy(), [[0.0, math.log(3)]], [0], math.log(4), [[-0.75, 0.75]]),
        (CrossEntropy([1.0, 3.0]), [[0.0, 0.0], [0.0, math.log(3)]], [0, 1],
         0.25 * math.log(2) + 0.75 * math.log(4 / 3), [[-0.125, 0.125], [0.1875, -0.1875]]),
        (CrossEntropy(label_smoothing=0.5), [[0.0, math.log(3)]], [0], 0.75 * math.log(4) + 0.25 * math.log(4 / 3),
         [[-0.5, 0.5]]),
    ],
)  # fmt: skip
def test_closed_forms(loss, y, target, value, dy):
    found, derivative = loss(np.array(y), np.array(target))
    assert found == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(derivative, dy, rtol=1e-14, atol=1e-16)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("chunk", [1, 2, 4, 6])
@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_chunks_add_up_to_the_whole(name, weights, chunk):
    loss, y, target, w = case(name, weights)
    parts = [
        loss.summed(
            y[t : t + chunk], target[t : t + chunk], None if w is None else w[t : t + chunk]
        )
        for t in range(0, T, chunk)
    ]
    value, dy = loss.summed(y, target, w)
    assert sum(part for part, _ in parts) == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(np.concatenate([d for _, d in parts]), dy, rtol=1e-14)
    mean, _ = loss(y, target, w)
    assert sum(part for part, _ in parts) / loss.total(target, w, outputs=y.shape) == pytest.approx(
        mean, rel=1e-14
    )


def spoil(target, mask, loss):
    """Put what no target may hold where the mask is False, NaN too where numbers are compared."""
    target[~mask] = -1 if isinstance(loss, CrossEntropy) else 1e300
    if isinstance(loss, Elementwise):
        target[1, 2] = np.nan


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", LOSSES)
def test_masked_elements_count_for_nothing(name, dtype):
    loss, y, target, _ = case(name, "none")
    y, mask = y.astype(dtype), np.ones((T, B), bool)
    mask[1, 2] = mask[4:, 0] = False
    y[~mask] = np.finfo(dtype).max
    y[4, 0] = -np.finfo(dtype).max
    y[1, 2, 0] = -np.finfo(dtype).max
    target = target.copy()
    spoil(target, mask, loss)
    freeze(y, target, mask)
    value, dy = loss(y, target, mask)
    assert not dy[~mask].any()
    short, short_dy = loss(y[mask], target[mask])
    assert value == pytest.approx(short, rel=1e-6 if dtype == np.float32 else 1e-14)
    np.testing.assert_allclose(dy[mask], short_dy, rtol=1e-6 if dtype == np.float32 else 1e-14)


@pytest.mark.parametrize("name", LOSSES)
def test_a_bool_mask_is_weights_of_zero_and_one(name):
    loss, y, target, mask = case(name, "mask")
    value, dy = loss(y, target, mask)
    other, other_dy = loss(y, target, mask.astype(np.float32))
    assert value == other
    assert np.array_equal(dy, other_dy)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("name", LOSSES)
def test_float32_stays_float32(name, weights):
    loss, y, target, w = case(name, weights)
    value, dy = loss(y.astype(np.float32), target, w)
    wanted, wanted_dy = loss(y, target, w)
    assert dy.dtype == np.float32
    assert value == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_allclose(dy, wanted_dy, rtol=1e-5, atol=1e-7)


def test_the_sum_of_float32_losses_is_in_float64():
    value, _ = MeanAbsoluteError().summed(
        np.full((1_000_003, 1), 0.1, np.float32), np.zeros((1_000_003, 1))
    )
    assert value == pytest.approx(float(np.float32(0.1)) * 1_000_003, rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_results_belong_to_the_caller(name):
    loss, y, target, w = case(name, "float")
    before = [x.copy() for x in (y, target, w)]
    _, dy = loss.summed(y, target, w)
    dy[...] = 7
    assert all(np.array_equal(x, x0) for x, x0 in zip((y, target, w), before, strict=True))


@pytest.mark.parametrize("name", LOSSES)
def test_strided_outputs_give_the_same(name):
    loss, y, target, w = case(name, "float")
    value, dy = loss(y, target, w)
    other, other_dy = loss(np.asfortranarray(y), np.asfortranarray(target), np.asfortranarray(w))
    assert other == pytest.approx(value, rel=1e-14)
    np.testing.assert_allclose(other_dy, dy, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("y", "target", "value", "dy"),
    [
        ([1000.0, -1000.0], 0, 0.0, [0.0, 0.0]),
        ([1000.0, -1000.0], 1, 2000.0, [1.0, -1.0]),
        ([1000.0, 1000.0], 1, math.log(2), [0.5, -0.5]),
        ([-1000.0, -1000.0], 0, math.log(2), [-0.5, 0.5]),
    ],
)
def test_cross_entropy_of_extreme_logits(y, target, value, dy, dtype):
    found, derivative = CrossEntropy()(np.array([y], dtype), np.array([target]))
    assert found == pytest.approx(value, rel=1e-6)
    np.testing.assert_allclose(derivative, [dy], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    ("y", "target", "value", "dy"),
    [
        (1000.0, 1.0, 0.0, 0.0),
        (1000.0, 0.0, 1000.0, 1.0),
        (-1000.0, 1.0, 1000.0, -1.0),
        (-1000.0, 0.0, 0.0, 0.0),
        (60.0, 1.0, math.exp(-60), -math.exp(-60)),
        (-60.0, 0.0, math.exp(-60), math.exp(-60)),
        (1000.0, 0.25, 750.0, 0.75),
    ],
)
def test_binary_cross_entropy_of_extreme_logits(y, target, value, dy, dtype):
    found, derivative = BinaryCrossEntropy()(np.array([[y]], dtype), np.array([[target]]))
    assert found == pytest.approx(value, rel=1e-6, abs=0)
    assert derivative[0, 0] == pytest.approx(dy, rel=1e-6, abs=0)


def test_smoothed_cross_entropy_of_extreme_logits():
    value, dy = CrossEntropy(label_smoothing=0.1)(np.array([[1000.0, -1000.0]]), np.array([0]))
    assert value == pytest.approx(0.05 * 2000, rel=1e-14)
    np.testing.assert_allclose(dy, [[0.05, -0.05]], rtol=1e-13)


def test_one_time_step_and_no_batch_axes():
    value, dy = CrossEntropy()(np.array([0.0, math.log(3)]), np.array(0))
    assert value == pytest.approx(math.log(4), rel=1e-14)
    np.testing.assert_allclose(dy, [-0.75, 0.75], rtol=1e-14)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_targets_of_any_integer_dtype(kind):
    loss, y, target, w = case("ce both", "float")
    value, dy = loss(y, target.astype(kind), w)
    assert value == loss(y, target, w)[0]
    assert np.array_equal(dy, loss(y, target, w)[1])
