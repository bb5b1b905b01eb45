"""What every library is given: weights by rnnbp's names, x and the target of a squared error; how it is called.

A module that runs a library has ``prepared(problem, **how) -> (run, read)``: ``run()`` is one forward and backward
pass, all that is timed, and ``read(run())`` gives y, and the gradients by x and by the weights, as NumPy arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import peers_literature as literature

Results = dict[str, np.ndarray]
Prepared = tuple[Callable[[], Any], Callable[[Any], Results]]

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
CUSTOM = ("mgu", "norm")
CELLS = (*GATES, *CUSTOM)
ALL = (*CELLS, *literature.LITERATURE)
GRID = (
    (100, 32, 128, 128),
    (100, 32, 256, 256),
    (100, 64, 512, 512),
    (1000, 1, 64, 64),
    (1000, 8, 128, 128),
    (256, 128, 64, 128),
    (50, 20, 32, 1024),
    (1000, 32, 64, 256),
    (500, 4, 40, 96),
    (2000, 2, 32, 48),
    (200, 16, 96, 192),
)
"""(T, B, inputs, units)."""


@dataclass(frozen=True)
class Problem:
    """A cell, its units and weights, x (T, B, inputs) and the target (T, B, units); of an LRU (T, B, inputs)."""

    cell: str
    units: int
    weights: dict[str, np.ndarray]
    x: np.ndarray
    target: np.ndarray

    @property
    def noisy(self) -> bool:
        """Whether it draws random numbers: times are taken with them, results without."""
        return self.cell in literature.NOISY


def shapes_of_weights(cell: str, inputs: int, units: int) -> dict[str, tuple[int, ...]]:
    if cell in literature.LITERATURE:
        return literature.shapes_of_weights(cell, inputs, units)
    if cell in GATES:
        rows = GATES[cell] * units
        return {
            "weight_ih": (rows, inputs),
            "weight_hh": (rows, units),
            "bias_ih": (rows,),
            "bias_hh": (rows,),
        }
    if cell == "mgu":
        sizes = {"weight_0": (units, inputs), "weight_1": (units, units), "bias": (units,)}
        return {f"{name}_{gate}": shape for gate in "fm" for name, shape in sizes.items()}
    return {
        "weight_0_a": (units, inputs),
        "weight_1_a": (units, units),
        "weight_norm": (units,),
        "bias_norm": (units,),
    }


def posed(cell: str, shape: list[int], dtype: str) -> Problem:
    """The same numbers in every process; weights U(±1/√units), gains of layer normalisation around ½.

    Around 1, a thousand units that are fed by few inputs magnify differences of rounding from step to step.
    """
    steps, batch, inputs, units = shape
    rng = np.random.default_rng(0)
    sizes = shapes_of_weights(cell, inputs, units)
    weights = {
        name: (rng.uniform(-1, 1, size) / units**0.5).astype(dtype) for name, size in sizes.items()
    }
    if cell == "norm":
        weights["weight_norm"] += np.asarray(0.5, dtype)
    if cell in literature.LITERATURE:
        weights = literature.scaled(cell, weights)
    outputs = inputs if cell == "lru" else units
    x, target = (
        rng.standard_normal((steps, batch, n), np.float32).astype(dtype) for n in (inputs, outputs)
    )
    return Problem(cell, units, weights, x, target)
