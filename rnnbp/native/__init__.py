"""Machine code: its text, its compiler, its threads, and functions for what lies outside cells."""

from __future__ import annotations

import os
from functools import lru_cache
from importlib.util import find_spec

VARIABLE = "RNNBP_BACKEND"
"""The backend that is used where none is named."""
THREADS = "RNNBP_NUM_THREADS"
"""Threads that kernels use, where they are not as many as BLAS's."""
MOST_THREADS = 1024
"""More than processors have; a larger number is a slip, and one beyond C's integers would reach BLAS as a crash."""
ALIASES = {"numba": "llvm"}
"""Numba's compiler is LLVM, by way of llvmlite; kernels are handed to it without Numba between."""


@lru_cache
def installed() -> bool:
    """Whether there is a compiler, llvmlite, of the extra jit."""
    return find_spec("llvmlite") is not None


def chosen() -> bool:
    """Whether losses, update rules and looks for what is not finite run as machine code: where cells do by default."""
    given = os.environ.get(VARIABLE)
    return installed() and (not given or ALIASES.get(given, given) == "llvm")
