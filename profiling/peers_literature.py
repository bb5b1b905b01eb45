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
        return {"weight_ih": (units, inputs), "weight_hh": (units, units), "bias_ih": (units,)}
    if cell == "lru":
        vectors = dict.fromkeys(("nu_log", "theta_log", "gamma_log"), (units,))
        outs = dict.fromkeys(("weight_C_re", "weight_C_im"), (inputs, units))
        return {**vectors, "weight_B": (2 * units, inputs), **outs, "weight_D": (inputs,)}
    rows = 4 * units
    found = {"weight_ih": (rows, inputs), "weight_hh": (rows, units)}
    if cell == "norm_lstm":
        sizes = {"norm_ih": rows, "norm_hh": rows, "norm_c": units}
        kinds = [(kind, *each) for each in sizes.items() for kind in ("weight", "bias")]
        return found | {f"{kind}_{name}": (size,) for kind, name, size in kinds}
    found |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    if cell == "peephole":
        return found | {f"weight_c{gate}": (units,) for gate in "ifo"}
    return found


def scaled(cell: str, weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights U(±1/√units) made fit for their cell: gains around ½, |λ| within 0.9 and 0.99."""
    for name in weights:
        if name.startswith("weight_norm"):
            weights[name] += np.asarray(0.5, weights[name].dtype)
    if cell == "lru":
        units, kind = len(weights["nu_log"]), weights["nu_log"].dtype
        size, turn = (  # U(0, 1)
            (1 + weights[name] * units**0.5) / 2 for name in ("nu_log", "theta_log")
        )
        size = np.sqrt(0.9**2 + size * (0.99**2 - 0.9**2))
        weights["nu_log"] = np.log(-np.log(size)).astype(kind)
        weights["theta_log"] = np.log(turn * np.pi / 10 + 1e-3).astype(kind)
        weights["gamma_log"] = np.log(np.sqrt(1 - size**2)).astype(kind)
    return weights


def connections(units: int, dtype: str | np.dtype) -> np.ndarray:
    """Positive or negative by the kind of the unit a connection comes from, 0 where there is none.

    The few inhibitory ones are as strong together as the others, or activity would grow without end.
    """
    rng = np.random.default_rng(1)
    excitatory = np.arange(units) < round((1 - INHIBITORY) * units)
    signs = np.where(excitatory, 0.5, 0.5 * (INHIBITORY - 1) / INHIBITORY)
    return ((rng.random((units, units)) < SPARSE) * signs).astype(dtype)
