"""Internal: machine code: its text, its compiler, its threads, and functions for what lies outside cells."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from typing import Any

from rnnbp.support import forks

VARIABLE = "RNNBP_BACKEND"
"""The backend that is used where none is named."""
THREADS = "RNNBP_NUM_THREADS"
"""Threads that kernels use, where they are not as many as BLAS's."""
MOST_THREADS = 1024
"""More than processors have; a larger number is a slip, and one beyond C's integers would reach BLAS as a crash."""
START = ""
"""The folder in which the process started; empty if it is no more."""
with suppress(OSError):
    START = os.getcwd()
ALIASES = {"numba": "llvm"}
"""Numba's compiler is LLVM, by way of llvmlite; kernels are handed to it without Numba between."""


loading = RLock()
"""Held while llvmlite is imported: a module that is half imported cannot be imported in the child of a fork."""
forks.hold(loading)


class CompileError(RuntimeError):
    """LLVM refuses a text, or its code cannot be loaded.

    Args:
        text: what LLVM says. cell: the cell that it was made of; None for what all cells take.
    """

    def __init__(self, text: str, cell: Callable[[], Any] | None = None) -> None:
        super().__init__(text)
        self.cell = cell


def failure() -> str | None:
    """Why there is no machine code; None if there is."""
    return _refused[0] if _refused else _failure()


def refuse(cause: str) -> bool:
    """There is no machine code from now on, as LLVM refuses what all cells take; False where that is known."""
    if _refused:
        return False
    _refused.append(f"llvmlite does not work here ({cause})")
    return True


_refused: list[str] = []


@lru_cache
def _failure() -> str | None:
    try:
        if find_spec("llvmlite") is None:
            return "llvmlite is not installed"
    except ValueError:  # somebody has blocked its import
        return "llvmlite cannot be imported"
    try:
        with loading:
            import_module("rnnbp.machine.arrays")
            import_module("rnnbp.machine.team.handoff").library()
    except Warning:  # a warning that is an error here says nothing of the compiler
        raise
    except Exception as error:  # a broken installation may raise anything
        return f"llvmlite does not work here ({type(error).__name__}: {error})"
    return None


def installed() -> bool:
    """Whether there is a compiler, llvmlite, and it works here."""
    return failure() is None


def warn_of_numpy() -> None:
    """Warn, once in a process, if there is no machine code where it would be used."""
    if (cause := failure()) is not None and not _warned:
        _warned.append(cause)
        text = f"NumPy runs the cells, which is slower, as {cause}; RNNBP_BACKEND=numpy makes that a choice"
        warnings.warn(text, RuntimeWarning, stacklevel=2)


_warned: list[str] = []


def chosen() -> bool:
    """Whether losses, update rules and looks for what is not finite run as machine code: where cells do by default."""
    given = os.environ.get(VARIABLE)
    return (not given or ALIASES.get(given, given) == "llvm") and installed()
