"""Temporary arrays of layers are what ``scratch`` declares, below and above the size at which NumPy
reuses its own.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.layers.base import Layer
from tests.layer_bytes import taken
from tests.layer_case import Case
from tests.layer_cases import CASES

ELSEWHERE = ("Split", "LayerNorm-bare")
"""Layers whose deltas decide what they take; y that is also saved."""
MORE = [
    Case("MaxPool-same", lambda _: rb.MaxPool(3, 1, 1), ((7,),), None),
    Case("AvgPool-same", lambda _: rb.AvgPool((3, 3), (1, 1), (1, 1)), ((2, 5, 5),), None),
    Case("LayerNorm-wide", lambda t: rb.LayerNorm(64, dtype=t), ((64,),), None),
    Case("Softmax-wide", lambda _: rb.Softmax(), ((64,),), None),
    Case("Dense-wide", lambda t: rb.Dense(24, 48, dtype=t, rng=0), ((24,),), None),
    Case("Conv1D-one-channel", lambda t: rb.Conv1D(2, 1, 3, dtype=t, rng=0), ((2, 6),), None),
]
GIVEN = [
    *(case for case in CASES if not case.id.startswith(ELSEWHERE)),
    *MORE,
]
BIG = [case for case in GIVEN if not case.id.startswith("Conv") or case.id.endswith("-all")]
SMALL, LARGE = 120_000, 800_000


def off(case: Case, dtype: str, nbytes: int) -> tuple[list[int], list[int]]:
    """(bytes above those declared, bytes of results and declared) of the three methods."""
    rows = nbytes // (
        np.dtype(dtype).itemsize
        * math.prod(case.build(dtype).output_shapes(*case.shapes)[0] or (1,))
    )
    temporary, declared, results = taken(case, dtype, rows)
    above = [a - b for a, b in zip(temporary, declared, strict=True)]
    return above, [a + b for a, b in zip(results, declared, strict=True)]


@pytest.mark.parametrize(
    ("case", "dtype", "nbytes"),
    [
        *((case, "float32", SMALL) for case in GIVEN),
        *((case, "float64", LARGE) for case in BIG),
    ],
    ids=lambda part: getattr(part, "id", None),
)
@pytest.mark.one_in(2)
def test_what_a_layer_takes_is_what_it_declares(case: Case, dtype: str, nbytes: int) -> None:
    found, sizes = off(case, dtype, nbytes)
    assert all(abs(a) <= 0.01 * size + 2**16 for a, size in zip(found, sizes, strict=True)), (
        found,
        sizes,
    )


@pytest.mark.parametrize(
    "layer", [rb.Sigmoid(), rb.Tanh(), rb.GELU(), rb.Softplus(), rb.Softmax(), rb.LogSoftmax()]
)
@pytest.mark.parametrize(
    "dtypes", [("float32", "float64"), ("float64", "float32"), ("float32", "float32")]
)
def test_a_layer_by_itself_gives_the_wider_dtype(layer: Layer, dtypes: tuple[str, str]) -> None:
    """What is written in place of something else has the numbers that it had by itself."""
    given, wide = np.arange(-3, 3).astype(dtypes[0]).reshape(2, 3), np.arange(-3.0, 3).reshape(2, 3)
    y, saved = layer.forward(given)
    expected, kept = layer.forward(wide)
    np.testing.assert_allclose(y, expected, rtol=1e-6)
    dy = np.arange(6, dtype=dtypes[1]).reshape(2, 3) / 7
    (dx,), (wanted,) = (
        layer.backward_inputs(saved, dy),
        layer.backward_inputs(kept, dy.astype(float)),
    )
    np.testing.assert_allclose(dx, wanted, rtol=1e-5, atol=1e-6)
    assert (y.dtype, dx.dtype) == (given.dtype, np.result_type(*dtypes))
