"""Losses: closed forms, derivatives by the complex step, sums over chunks, weights, extremes and errors."""

from __future__ import annotations

import math
import re

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
)
from rnnbp.numerics import DtypeError, ShapeError

T, B, K = 6, 3, 4
CLASS_WEIGHT = np.array([1.0, 0.0, 0.25, 3.0])
LOSSES: dict[str, Loss] = {
    "mse": MeanSquaredError(),
    "mae": MeanAbsoluteError(),
    "huber": Huber(),
    "huber 0.3": Huber(0.3),
    "bce": BinaryCrossEntropy(),
    "ce": CrossEntropy(),
    "ce weights": CrossEntropy(CLASS_WEIGHT),
    "ce smooth": CrossEntropy(label_smoothing=0.2),
    "ce both": CrossEntropy(CLASS_WEIGHT, label_smoothing=0.2),
}
WEIGHTS = ("none", "mask", "float", "by step", "every element")


def case(name, weights, seed=0):
    """(loss, y, target, weights) of one sequence; "every element" is full for elementwise losses."""
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


def naive(loss, y, target):
    """ℓ of one element (elementwise) or of one row of logits, straight from the definition."""
    if isinstance(loss, MeanSquaredError):
        return (y - target) ** 2
    if isinstance(loss, MeanAbsoluteError):
        return abs(y - target)
    if isinstance(loss, Huber):
        d = abs(y - target)
        return d * d / 2 if d <= loss.delta else loss.delta * (d - loss.delta / 2)
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
    for at in np.ndindex(target.shape):
        each = 1.0 if w is None else float(w[at[: w.ndim]])
        total += each * naive(loss, y[at], target[at])
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
    target[~mask] = -1 if isinstance(loss, CrossEntropy) else 1e300
    if isinstance(loss, Elementwise):
        target[1, 2] = np.nan
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


Y = np.zeros((2, 3, 4))
CLASSES = np.zeros((2, 3), int)
BAD_CLASS, NEGATIVE = CLASSES.copy(), CLASSES.copy()
BAD_CLASS[1, 2], NEGATIVE[0, 1] = 4, -1
NAN, HALF = Y.copy(), np.full((2, 3), 0.5)
NAN[1, 0, 3] = np.nan
ERRORS = [
    (CrossEntropy(), Y, BAD_CLASS, None, ValueError, "target 4 at [1, 2] is not in [0, 4)"),
    (CrossEntropy(), Y, NEGATIVE, None, ValueError, "target -1 at [0, 1] is not in [0, 4); give padding weight 0"),
    (CrossEntropy(), Y, NEGATIVE, HALF, ValueError, "target -1 at [0, 1] is not in [0, 4)"),
    (CrossEntropy(), Y, CLASSES * 1.0, None, DtypeError, "integer dtype, found float64; use target.astype(np.int64)"),
    (CrossEntropy(), Y, CLASSES > 0, None, DtypeError, "integer dtype, found bool"),
    (CrossEntropy(), Y, CLASSES[:, :2], None, ShapeError, "target axis 1 must have size 3 as in the outputs, found 2"),
    (CrossEntropy(), Y, CLASSES[0], None, ShapeError, "target must have 2 axes, found 1 in shape (3,)"),
    (CrossEntropy([1, 2, 3]), Y, CLASSES, None, ShapeError, "class_weight has 3 numbers for 4 classes; give 4"),
    (CrossEntropy(), np.zeros(()), np.array(0), None, ShapeError, "no axis of classes"),
    (CrossEntropy(), Y, CLASSES, CLASSES > 0, ValueError, "no element is left to average over"),
    (CrossEntropy([0, 1, 1, 1]), Y, CLASSES, None, ValueError, "no element is left to average over"),
    (CrossEntropy(), Y, CLASSES, HALF[:1], ShapeError, "weights axis 0 must have size 2"),
    (CrossEntropy(), Y, CLASSES, Y + 1, ShapeError, "weights have shape (2, 3, 4); give them one or more leading axes"),
    (CrossEntropy(), Y, CLASSES, -HALF, ValueError, "weights must be finite and at least 0, found -0.5 at [0, 0]"),
    (CrossEntropy(), Y.astype(int), CLASSES, None, DtypeError, "outputs are float32 or float64, found dtype int64"),
    (MeanSquaredError(), Y, NAN, None, ValueError, "target has nan at [1, 0, 3]; replace it, or give it weight 0"),
    (MeanSquaredError(), Y, NAN, HALF, ValueError, "target has nan at [1, 0, 3]"),
    (MeanSquaredError(), Y, Y[:, :1], None, ShapeError, "MeanSquaredError(): target axis 1 must have size 3"),
    (MeanSquaredError(), Y, Y[0], None, ShapeError, "target must have 3 axes, found 2"),
    (MeanSquaredError(), Y, Y * 1j, None, DtypeError, "target must be real numbers, found dtype complex128"),
    (MeanSquaredError(), Y, Y, HALF * np.nan, ValueError, "weights must be finite and at least 0, found nan at [0, 0]"),
    (MeanSquaredError(), Y, Y, HALF * np.inf, ValueError, "found inf at [0, 0]; use 0 to leave out"),
    (MeanSquaredError(), Y, Y, HALF.T, ShapeError, "weights axis 0 must have size 2 as in the outputs, found 3"),
    (MeanSquaredError(), Y, Y, np.array(0.5), ShapeError, "weights have shape ()"),
    (MeanSquaredError(), Y, Y, HALF * 1j, DtypeError, "weights must be a bool mask or floats, found dtype complex128"),
    (MeanSquaredError(), Y, Y, HALF * 0, ValueError, "no element is left to average over"),
    (MeanSquaredError(), Y[:0], Y[:0], HALF[:0], ValueError, "no element is left to average over"),
    (MeanSquaredError(), Y.astype(np.float16), Y, None, DtypeError, "float32 or float64, found dtype float16"),
    (BinaryCrossEntropy(), Y, Y - 0.5, None, ValueError, "target must lie in [0, 1], found -0.5 at [0, 0, 0]"),
    (BinaryCrossEntropy(), Y, Y + 2, HALF, ValueError, "target must lie in [0, 1], found 2.0 at [0, 0, 0]"),
]  # fmt: skip


@pytest.mark.quick
@pytest.mark.parametrize(("loss", "y", "target", "weights", "error", "message"), ERRORS)
def test_errors(loss, y, target, weights, error, message):
    with pytest.raises(error, match=re.escape(message)):
        loss(y, target, weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Huber(0), "Huber: delta must lie in (0, inf), found 0; for squares use"),
        (lambda: Huber(math.nan), "Huber: delta must lie in (0, inf), found nan"),
        (
            lambda: CrossEntropy(label_smoothing=1.0),
            "label_smoothing must lie in [0, 1), found 1.0",
        ),
        (
            lambda: CrossEntropy([1.0, -1.0]),
            "class_weight must be a vector of finite numbers at least 0",
        ),
        (lambda: CrossEntropy([[1.0]]), "class_weight must be a vector"),
        (lambda: CrossEntropy([1.0, math.nan]), "class_weight must be a vector"),
        (
            lambda: CrossEntropy("abc"),
            "class_weight must be a vector of finite numbers at least 0, found 'abc'",
        ),
        (lambda: CrossEntropy([1j, 1.0]), "class_weight must be a vector"),
        (lambda: Huber(math.inf), "Huber: delta must lie in (0, inf), found inf"),
    ],
)
def test_errors_of_arguments(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Huber("1"),
            "Huber: delta must be a number and lie in (0, inf), found '1'; for squares use",
        ),
        (
            lambda: CrossEntropy(label_smoothing="0.1"),
            "CrossEntropy: label_smoothing must be a number",
        ),
        (lambda: CrossEntropy(label_smoothing=None), "found None; use 0 for none"),
    ],
)
def test_arguments_that_are_no_numbers(make, message):
    with pytest.raises(TypeError, match=re.escape(message)):
        make()


def test_the_class_weights_are_a_copy():
    v = np.ones(4)
    loss = CrossEntropy(v)
    v[:] = 0
    assert loss(Y, CLASSES)[0] == pytest.approx(math.log(4))


@pytest.mark.parametrize(
    ("loss", "text"),
    [
        (Huber(0.5), "Huber(0.5)"),
        (CrossEntropy([1.0, 2.0], 0.1), "CrossEntropy(class_weight of 2, label_smoothing=0.1)"),
        (MeanSquaredError(), "MeanSquaredError()"),
    ],
)
def test_repr_names_the_options(loss, text):
    assert repr(loss) == text
