"""A Dense whose inputs are a list of one size computes what that of the size computes."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.losses import MeanSquaredError


@pytest.mark.parametrize("many", [0, 1], ids=["alone", "after-a-GRU"])
def test_one_size_in_a_list_gives_the_bits_of_the_size(many: int) -> None:
    rng = np.random.default_rng(2)
    x, target = (rng.normal(size=(5, 3, n)).astype("float32") for n in (4, 3))
    before = [rb.GRU(4, 4, rng=0)][:many]
    listed = rb.Sequential(*before, rb.Dense([4], 3, rng=1))
    plain = rb.Sequential(*before, rb.Dense(4, 3, rng=1))
    assert np.array_equal(rb.predict(listed, x)[0], rb.predict(plain, x)[0])
    found = rb.bptt(listed, x, target, MeanSquaredError()).grads
    wanted = rb.bptt(plain, x, target, MeanSquaredError()).grads
    assert {name.replace("weight_0", "weight") for name in found} == {*wanted}
    pairs = zip(found.values(), wanted.values(), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs)
