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


def test_a_budget_holds_where_a_decoder_looks_up_a_memory() -> None:
    """The mask of the memory is a static stage, whose shape is known when T is."""
    rng, loss = np.random.default_rng(0), rb.losses.MeanSquaredError()
    x, h = rb.Input(2), rb.State(4, "h")
    memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    context = rb.Attention("dot")(h, memory, mask)
    h_new = rb.Tanh()(rb.Dense((2, 4, 4), 4, rng=1)(x, h, context))
    decoder = rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=h_new))
    source, before = rb.Input(2, "source", axis="source"), rb.Input(2, "before")
    read = rb.WholeSeries()(rb.GRU(2, 4, rng=0, reverse=True)(source))
    model = rb.Graph((source, before), decoder(before, *read))
    given = tuple(rng.normal(size=(n, 3, 2)).astype(np.float32) for n in (400, 800))
    target = np.zeros((800, 3, 4), np.float32)
    expected = rb.bptt(model, given, target, loss)
    found = rb.bptt(model, given, target, loss, checkpoint="700 kB", dx=False)
    assert found.stats.peak_bytes <= 700_000 < expected.stats.peak_bytes
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(found.grads[name], grad, atol=1e-6)
