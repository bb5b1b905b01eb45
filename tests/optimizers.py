"""Every optimiser with its options, and the parameters and gradients that the tests give them."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
import pytest

from rnnbp import optim

Arrays = TypeVar("Arrays", bound=dict[str, np.ndarray])

SHAPES: dict[str, tuple[int, ...]] = {"0.weight": (4, 3), "0.bias": (4,), "1.scale": ()}
CASES: list[tuple[Any, dict[str, Any]]] = [
    (optim.SGD, {}),
    (optim.SGD, {"weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True}),
    (optim.SGD, {"momentum": 0.8, "nesterov": True, "weight_decay": 0.1}),
    (optim.Adagrad, {}),
    (
        optim.Adagrad,
        {"lr_decay": 0.2, "weight_decay": 0.1, "initial_accumulator": 0.5, "eps": 1e-3},
    ),
    (optim.RMSProp, {}),
    (optim.RMSProp, {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1}),
    (optim.RMSProp, {"momentum": 0.9}),
    (optim.RMSProp, {"momentum": 0.9, "weight_decay": 0.1}),
    (optim.Adam, {}),
    (optim.Adam, {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    (optim.AdamW, {}),
    (optim.AdamW, {"betas": (0.8, 0.9), "eps": 1e-3, "weight_decay": 0.3}),
]
IDS = [f"{cls.__name__} {' '.join(options)}".strip() for cls, options in CASES]
every_case = pytest.mark.parametrize(("cls", "options"), CASES, ids=IDS)


def parameters(dtype: Any = np.float64, seed: int = 0) -> dict[str, np.ndarray]:
    """Normal numbers, by name."""
    rng = np.random.default_rng(seed)
    return {name: np.array(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def gradients(step: int, dtype: Any = np.float64) -> dict[str, np.ndarray]:
    """Those of a step: other numbers for each."""
    rng = np.random.default_rng((1, step))
    return {name: np.array(rng.normal(size=shape), dtype) for name, shape in SHAPES.items()}


def freeze(arrays: Arrays) -> Arrays:
    """Make the arrays read-only."""
    for x in arrays.values():
        x.flags.writeable = False
    return arrays


class Model:
    """What an optimiser takes of a model: its parameters."""

    def __init__(self, params: dict[str, np.ndarray]) -> None:
        self.params = params
