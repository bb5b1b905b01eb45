"""Networks over time that the tests of plans and summaries share."""

from __future__ import annotations

import rnnbp as rb

T, B = 60, 5


def tagger() -> rb.Graph:
    """Symbols and a static input; both directions; a head at every step and one for each row."""
    x, more = rb.Input((), "x"), rb.Input(2, "more", per="sequence")
    y = rb.Bidirectional(rb.GRU(4, 6, rng=0), rb.RNN(4, 6, rng=1))(rb.Embedding(9, 4, rng=2)(x))
    kind = rb.Dense((12, 2), 3, rng=4)(rb.MeanOverTime()(y), more)
    return rb.Graph((x, more), {"tag": rb.Dense(12, 4, rng=3)(y), "class": kind})


def translator() -> rb.Graph:
    """An encoder of one axis that starts a decoder of another, each with a name."""
    source, x = rb.Input(3, "source", axis="source"), rb.Input(3, "x")
    encoder = rb.LSTM(3, 6, rng=0, name="encoder")
    decoder = rb.LSTM(3, 6, rng=1, name="decoder")
    _, state = encoder(source, return_state=True)
    return rb.Graph((source, x), rb.Dense(6, 2, rng=2)(decoder(x, state=state)))
