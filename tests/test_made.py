"""What a cell of the library says of how it was built."""

from __future__ import annotations

import copy
import pickle

import pytest

import rnnbp as rb
from rnnbp.graph.made import Made

BUILT = {
    "RNN": (rb.RNN(3, 4), {"leak": 1.0, "layer_norm": False, "activation": "tanh", "bias": True}),
    "leaky": (
        rb.RNN(3, 4, activation="relu", leak=0.5, bias=False),
        {"leak": 0.5, "layer_norm": False, "activation": "relu", "bias": False},
    ),
    "GRU": (rb.GRU(3, 4), {"layer_norm": False, "reset_after": True, "bias": True}),
    "before": (
        rb.GRU(3, 4, reset_after=False),
        {"layer_norm": False, "reset_after": False, "bias": True},
    ),
    "LSTM": (
        rb.LSTM(3, 4, projection=2, coupled=True),
        {"peepholes": False, "projection": 2, "layer_norm": False, "coupled": True, "bias": True},
    ),
    "IndRNN": (rb.IndRNN(3, 4), {"activation": "relu", "bias": True}),
    "MinGRU": (rb.MinGRU(3, 4), {"positive": False, "bias": True}),
    "SLSTM": (rb.SLSTM(3, 4, forget="exp"), {"forget": "exp", "bias": True}),
}


@pytest.mark.parametrize("case", BUILT)
def test_a_cell_says_how_it_was_built(case: str) -> None:
    rnn, options = BUILT[case]
    made = rnn.cell.made
    assert made is not None
    assert (made.n_in, made.n, dict(made.options)) == (3, 4, options)
    assert getattr(rb, made.kind)(3, 4, **made.options).cell.made == made
    assert copy.deepcopy(rnn).cell.made == pickle.loads(pickle.dumps(rnn)).cell.made == made


def test_a_cell_of_ones_own_says_nothing() -> None:
    x, h = rb.Input(3), rb.State(3, "h")
    assert rb.Cell(x, {h: x + h}, output=x).made is None
    assert rb.LRU(3, 4).cell.made == Made("LRU", 3, 4, {})
