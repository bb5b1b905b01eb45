"""Budgets of networks over time, as users meet them: attention, training of static outputs."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb


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


@pytest.mark.parametrize("reduced", [rb.Last(), rb.MeanOverTime()], ids=str)
def test_training_of_one_answer_for_each_sequence_takes_a_budget(reduced: rb.Last) -> None:
    rng = np.random.default_rng(0)
    series = [rng.normal(size=(n, 3)).astype(np.float32) for n in (9, 5, 7, 6)]
    data = rb.Sequences(series, [0, 1, 1, 0], batch_size=2, shuffle=False)

    def losses(**how: str) -> list[float]:
        both = rb.Bidirectional(rb.LSTM(3, 4, rng=0), rb.LSTM(3, 4, rng=1))
        model = rb.Sequential(both, reduced, rb.Dense(8, 2, rng=2))
        return rb.fit(model, data, rb.losses.CrossEntropy(), epochs=2, **how).losses

    assert losses(checkpoint="1 MB") == pytest.approx(losses(), rel=1e-5)
