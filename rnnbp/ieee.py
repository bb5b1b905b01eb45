"""Arithmetic as IEEE 754 has it: infinities and NaN are results, never errors or warnings."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


def ieee(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with NumPy's floating-point errors ignored, whatever ``numpy.seterr`` says.

    Machine code does not look at that setting, and exp underflows as a matter of course, so every
    backend would otherwise differ. The caller's setting is back on return, after an exception too.
    Code of the user's own that the function calls, as a loss or a layer, runs with errors ignored.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return run
