"""Random networks over time, of random lengths and resets, against the reference."""

from __future__ import annotations

import numpy as np
import pytest

from tests.over_time_cases import SIZES, case_of
from tests.over_time_choice import quickly
from tests.over_time_gradients import assert_all_derivatives
from tests.over_time_random import network

PLACES = list(SIZES)


@pytest.mark.filterwarnings("ignore:the model ends in:UserWarning")
@pytest.mark.parametrize("seed", quickly(range(160), 53, 155))
def test_random_networks(seed: int) -> None:
    resets = seed % 4 == 3
    one = case_of(network(seed), PLACES[seed % len(PLACES)], resets=resets, seed=seed)
    reference = one.reference()
    for y, expected in zip(one.predict()[0], reference.outputs(), strict=True):
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-13)
    found = one.bptt(chunk=1 + seed % 5, checkpoint="sqrt" if seed % 2 else "all")
    assert found.loss == pytest.approx(reference.loss().real, rel=1e-12)
    assert_all_derivatives(reference, one.grads(found))
