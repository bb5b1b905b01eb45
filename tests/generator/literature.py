"""Random cells of the literature, with random options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rnnbp as rb
from tests.generator.draws import Draw


def cell_of_literature(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    """One that takes n_in features and gives n.

    Args:
        options: those of all cells, and ``bias``.
    """
    kinds: list[Callable[..., rb.Recurrent]] = [_lstm, _gru, _rnn, _ind_rnn, _minimal, _slstm]
    return draw.pick([*kinds, *[_lru] * (n == n_in)])(draw, n_in, n, options)


def _masks(draw: Draw) -> dict[str, Any]:
    found = {"dropout": 0.3, "recurrent_dropout": 0.2}
    return {name: rate for name, rate in found.items() if draw.chance(0.2)}


def _lstm(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    flags = {name: draw.chance(0.4) for name in ("peepholes", "layer_norm", "coupled")}
    zoneout = draw.pick([0.0, 0.0, (0.1, 0.4), 0.3])
    size = draw.pick([None, n + 2])
    how = {**flags, "zoneout": zoneout, **_masks(draw), **options}
    return rb.LSTM(n_in, size or n, projection=size and n, **how)


def _gru(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    zoneout = draw.pick([0.0, 0.3])
    return rb.GRU(n_in, n, layer_norm=draw.chance(), zoneout=zoneout, **_masks(draw), **options)


def _rnn(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    how = {"leak": draw.pick([1.0, 0.3]), "layer_norm": draw.chance(), **_masks(draw)}
    return rb.RNN(n_in, n, zoneout=draw.pick([0.0, 0.3]), **how, **options)


def _ind_rnn(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    activation = draw.pick(["relu", "tanh"])
    return rb.IndRNN(n_in, n, activation=activation, **_masks(draw), **options)


def _minimal(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    return draw.pick([rb.MinGRU, rb.MinLSTM])(n_in, n, positive=draw.chance(), **options)


def _slstm(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    own = {name: value for name, value in options.items() if name != "initial"}
    return rb.SLSTM(n_in, n, forget=draw.pick(["sigmoid", "exp"]), **_masks(draw), **own)


def _lru(draw: Draw, n_in: int, n: int, options: dict[str, Any]) -> rb.Recurrent:
    own = {name: value for name, value in options.items() if name != "bias"}
    return rb.LRU(n_in, n + draw.integer(0, 2), **own)
