"""A whole series as an output of a network: its shape is known when it is run."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.inference import predict


@pytest.mark.parametrize("reverse", [False, True])
def test_a_memory_is_what_was_put_into_it(reverse: bool) -> None:
    x, lengths = np.random.default_rng(0).normal(size=(7, 3, 2)).astype(np.float32), [4, 6, 1]
    source = rb.Input(2, axis="source")
    series = rb.GRU(2, 5, rng=0, reverse=reverse)(source)
    memory, mask = rb.WholeSeries()(series)
    names = {"y": series, "memory": memory, "mask": mask}
    found = predict(rb.Graph(source, names), x, lengths=np.array(lengths))[0]
    np.testing.assert_array_equal(found["memory"], found["y"][:6].swapaxes(0, 1))
    np.testing.assert_array_equal(found["mask"], np.arange(6) < np.array(lengths)[:, None])
