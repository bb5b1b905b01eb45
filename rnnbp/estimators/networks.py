"""The networks of estimators, of the library's own layers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator

from rnnbp.estimators.settings import CELLS
from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time import Last, MaxOverTime, MeanOverTime
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.values import Input
from rnnbp.layers import Dense, Dropout, Layer, Reshape

POOLINGS: dict[str, Callable[[], OverTime]] = {
    "mean": MeanOverTime,
    "max": MaxOverTime,
    "last": Last,
}
"""From the outputs of all steps to one value for each series."""


def one_for_each(estimator: BaseEstimator, n_in: int, n_out: int, seed: int) -> Sequential:
    """x (T, B, n_in) → y (B, n_out): recurrent layers, a value over time, a dense layer."""
    given = estimator.get_params(deep=False)
    build, units, dtype = CELLS[given["cell"]], given["units"], given["dtype"]
    how = {"rng": np.random.default_rng(seed), "dtype": dtype}
    blocks, n = list[Layer | Graph | Recurrent | OverTime](), n_in
    for k in range(given["layers"]):
        if k and given["dropout"]:
            blocks.append(Dropout(given["dropout"]))
        forward = build(n, units, **how)
        two = given["bidirectional"]
        blocks.append(Bidirectional(forward, build(n, units, **how)) if two else forward)
        n = units * (1 + given["bidirectional"])
    blocks.append(POOLINGS[given["pooling"]]())
    if given["dropout"]:
        blocks.append(Dropout(given["dropout"]))
    return Sequential(*blocks, Dense(n, n_out, **how))


def encoder_decoder(
    estimator: BaseEstimator, n_past: int, n_future: int, outputs: tuple[int, ...], seed: int
) -> Graph:
    """past (T, B, n_past), future (H, B, n_future) → y (H, B, *outputs).

    Each layer of the decoder begins with the last state of the layer of the encoder (Sutskever et
    al. 2014). The decoder reads forward, so that y at a step depends on the future up to it alone.
    """
    given = estimator.get_params(deep=False)
    build, units, dtype = CELLS[given["cell"]], given["units"], given["dtype"]
    how = {"rng": np.random.default_rng(seed), "dtype": dtype}
    past, future = Input(n_past, "past", axis="past"), Input(n_future, "future", axis="future")
    read, written, sizes = past, future, (n_past, n_future)
    for k in range(given["layers"]):
        if k and given["dropout"]:
            read, written = Dropout(given["dropout"])(read), Dropout(given["dropout"])(written)
        read, state = build(sizes[0], units, **how)(read, return_state=True)
        written, sizes = build(sizes[1], units, **how)(written, state=state), (units, units)
    if given["dropout"]:
        written = Dropout(given["dropout"])(written)
    n = int(np.prod(outputs))
    return Graph((past, future), Reshape((n,), outputs)(Dense(units, n, **how)(written)))
