"""rnnbp's cells of the literature."""

from __future__ import annotations

from functools import partial

from peers_literature import ZONEOUT_C, ZONEOUT_H

import rnnbp as rb

MODELS = {
    "norm_lstm": partial(rb.LSTM, layer_norm=True),
    "zoneout": partial(rb.LSTM, zoneout=(ZONEOUT_H, ZONEOUT_C)),
    "mingru": rb.MinGRU,
}
