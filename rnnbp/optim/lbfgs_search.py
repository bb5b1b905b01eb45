"""The loss as L-BFGS sees it: a function of one vector, with the best point kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array, shown
from rnnbp.optim.gradients import check_grads
from rnnbp.support.writes import WRITES

Closure: TypeAlias = Callable[[], tuple[float, Mapping[str, Array]]]


class LossNotFiniteError(Exception):
    """Ends the search from inside SciPy."""


class Search:
    """The loss as a function of one float64 vector, and the best point seen."""

    def __init__(self, closure: Closure, params: dict[str, Array], frozen: Collection[str]) -> None:
        self.closure, self.params, self.frozen = closure, params, frozen
        self.best = np.concatenate([p.reshape(-1).astype(np.float64) for p in params.values()])
        self.loss = math.inf
        self.evaluations = self.iterations = 0

    def evaluate(self, x: Array) -> tuple[float, Array]:
        """(loss, gradient) at ``x``, a vector (n,) of all parameters one after another."""
        self.assign(x)
        found = self.closure()
        if not isinstance(found, tuple) or len(found) != 2:
            raise TypeError(
                f"lbfgs: closure must give (loss, gradients by name), found {shown(found)}"
            )
        loss, grads = found
        self.evaluations += 1
        if not math.isfinite(loss):
            raise LossNotFiniteError(f"the loss is {loss} at evaluation {self.evaluations}")
        check_grads("lbfgs", self.params, grads, self.frozen)
        if loss < self.loss:
            self.loss, self.best = float(loss), x.copy()
        return float(loss), np.concatenate(
            [grads[name].reshape(-1).astype(np.float64) for name in self.params]
        )

    def assign(self, x: Array) -> None:
        """Write ``x`` into the parameters, rounded to their dtypes."""
        start = 0
        WRITES.note()
        for p in self.params.values():
            p[...] = x[start : start + p.size].reshape(p.shape)
            start += p.size

    def count(self, xk: Array) -> None:
        self.iterations += 1
