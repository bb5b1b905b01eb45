"""Cells of the literature that ``peers.py`` compares: their weights, and what is random in them."""

from __future__ import annotations

import numpy as np

LITERATURE = ("peephole", "norm_lstm", "zoneout", "dale", "mingru", "lru")
"""LSTM with peepholes, with layer normalisation, with zoneout; leaky rate network of excitatory and
inhibitory units with noise; minGRU; linear recurrent unit."""
NOISY = ("zoneout", "dale")
"""Results are compared without what is random, and times are taken with it."""
GRID = ((1000, 1, 64, 64), (1000, 8, 128, 128), (100, 32, 256, 256), (100, 64, 256, 512))
"""(T, B, inputs, units)."""

ZONEOUT_H, ZONEOUT_C = 0.05, 0.5
"""Rates of the paper for h and c (Krueger et al. 2016)."""
LEAK, NOISE, INHIBITORY, SPARSE = 0.1, 0.05, 0.2, 0.8
"""Of the rate network: share of the new value in a step, deviation of the noise, share of inhibitory
units, share of connections that are there."""
EPS = 1e-5


def shapes_of_weights(cell: str, inputs: int, units: int) -> dict[str, tuple[int, ...]]:
    if cell == "mingru":
        return {"weight_ih": (2 * units, inputs), "bias_ih": (2 * units,)}
    if cell == "dale":
        return {"weight_ih": (units, inputs), "weight_hh": (units, units), "bias": (units,)}
    if cell == "lru":
        vectors = {name: (units,) for name in ("nu", "theta", "gamma")}
        matrices = {"b_real": (units, inputs), "b_imag": (units, inputs)}
        outs = {"c_real": (units, units), "c_imag": (units, units), "d": (units, inputs)}
        return {**vectors, **matrices, **outs}
    rows = 4 * units
    found = {"weight_ih": (rows, inputs), "weight_hh": (rows, units)}
    if cell == "norm_lstm":
        sizes = {"norm_ih": rows, "norm_hh": rows, "norm_c": units}
        kinds = [(kind, *each) for each in sizes.items() for kind in ("weight", "bias")]
        return found | {f"{kind}_{name}": (size,) for kind, name, size in kinds}
    found |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    if cell == "peephole":
        return found | {f"peephole_{gate}": (units,) for gate in "ifo"}
    return found


def scaled(cell: str, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights U(±1/√units) made fit for their cell: gains around ½, |λ| within 0.9 and 0.99."""
    for name in weights:
        if name.startswith("weight_norm"):
            weights[name] += np.asarray(0.5, weights[name].dtype)
    if cell == "lru":
        units = len(weights["nu"])
        share = (1 + weights["nu"] * units**0.5) / 2  # U(0, 1)
        size = np.sqrt(0.9**2 + share * (0.99**2 - 0.9**2))
        weights["nu"] = np.log(-np.log(size)).astype(weights["nu"].dtype)
        turn = (1 + weights["theta"] * units**0.5) / 2 * np.pi / 10
        weights["theta"] = np.log(turn + 1e-3).astype(weights["theta"].dtype)
        weights["gamma"] = np.log(np.sqrt(1 - size**2)).astype(weights["gamma"].dtype)
    return weights


def connections(units: int, dtype: str | np.dtype) -> np.ndarray:
    """+1 and −1 by the kind of the unit a connection comes from, 0 where there is none."""
    rng = np.random.default_rng(1)
    signs = np.where(np.arange(units) < round((1 - INHIBITORY) * units), 1.0, -1.0)
    return ((rng.random((units, units)) < SPARSE) * signs).astype(dtype)
