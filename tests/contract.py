"""What the tests of the contract of layers share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rnnbp.layers import Layer
from tests.layer_case import Case
from tests.layer_cases import CASES

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)

STEPS, BATCH = 3, 4

CHUNK = (STEPS, BATCH)


def randomised(case: Case, dtype: str = "float64") -> Layer:
    """The layer, with parameters that are not at special values such as one or zero."""
    layer, rng = case.build(dtype), np.random.default_rng(5)
    for value in layer.params.values():
        value[...] = rng.normal(size=value.shape)
    return layer


def close(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
