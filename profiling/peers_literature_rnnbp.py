"""rnnbp's cells of the literature: five that come with it, one written here as a user would."""

from __future__ import annotations

from functools import partial
from typing import Any

from peers_literature import LEAK, NOISE, ZONEOUT_C, ZONEOUT_H, connections

import rnnbp as rb


def dale(inputs: int, n: int, dtype: Any = "float32") -> rb.Recurrent:
    """h′ = (1 − a) h + a relu(W⁺ h + V x + b + noise), W⁺ = |W| ⊙ kinds (Song et al. 2016)."""
    x, h = rb.Input(inputs), rb.State(n)
    u = abs(rb.Parameter((n, n), dtype=dtype, name="weight_hh")) * connections(n, dtype)
    from_x = rb.GaussianNoise(NOISE)(rb.Dense(inputs, n, dtype=dtype, name="ih")(x))
    h_new = (1 - LEAK) * h + LEAK * rb.ReLU()(u @ h + from_x)
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))


MODELS = {
    "peephole": partial(rb.LSTM, peepholes=True),
    "norm_lstm": partial(rb.LSTM, layer_norm=True),
    "zoneout": partial(rb.LSTM, zoneout=(ZONEOUT_H, ZONEOUT_C)),
    "dale": dale,
    "mingru": rb.MinGRU,
    "lru": rb.LRU,
}
