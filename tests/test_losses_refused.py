"""What losses refuse, what they say, and how they show."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from rnnbp.losses import (
    BinaryCrossEntropy,
    CrossEntropy,
    Huber,
    MeanSquaredError,
    Quantile,
)
from rnnbp.numerics import DtypeError, ShapeError

Y = np.zeros((2, 3, 4))

CLASSES = np.zeros((2, 3), int)

BAD_CLASS, NEGATIVE = CLASSES.copy(), CLASSES.copy()

BAD_CLASS[1, 2], NEGATIVE[0, 1] = 4, -1

NAN, HALF = Y.copy(), np.full((2, 3), 0.5)

NAN[1, 0, 3] = np.nan

ERRORS = [
    (CrossEntropy(), Y, BAD_CLASS, None, ValueError, "target 4 at [1, 2] is not in [0, 4)"),
    (CrossEntropy(), Y, NEGATIVE, None, ValueError, "target -1 at [0, 1] is not in [0, 4); leave padding out by lengths= or a mask"),
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
        (lambda: Quantile(90), "Quantile: q must lie in (0, 1), found 90; 0.5 is the median"),
        (lambda: Quantile((0.1, 1)), "Quantile: q must lie in (0, 1), found 1"),
        (lambda: Quantile([]), "Quantile: q is empty; give one for each output"),
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
            lambda: Quantile("0.9"),
            "Quantile: q must be a number and lie in (0, 1), found '0.9'",
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
        (Quantile(0.5), "Quantile(0.5)"),
        (Quantile(np.array([0.1, 0.9])), "Quantile((0.1, 0.9))"),
        (CrossEntropy([1.0, 2.0], 0.1), "CrossEntropy(class_weight of 2, label_smoothing=0.1)"),
        (MeanSquaredError(), "MeanSquaredError()"),
    ],
)
def test_repr_names_the_options(loss, text):
    assert repr(loss) == text
