"""Fits that end well or change nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
S = TypeVar("S")
R = TypeVar("R")


def whole(fit: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
    """A ``fit`` that leaves the attributes as they were if it raises, as for too small a budget.

    Otherwise an estimator would have the features of new data with the model of the old.
    """

    @wraps(fit)
    def fitted(self: S, /, *args: P.args, **options: P.kwargs) -> R:
        before = dict(vars(self))
        try:
            return fit(self, *args, **options)
        except BaseException:  # an interrupt too
            vars(self).clear()
            vars(self).update(before)
            raise

    return fitted
