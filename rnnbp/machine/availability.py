"""Whether there is machine code here: a compiler that works, and that nobody has turned off."""

from __future__ import annotations

import os
import warnings
from functools import lru_cache
from importlib.util import find_spec
from threading import RLock

from rnnbp.machine.settings import ALIASES, VARIABLE
from rnnbp.machine.team import handoff
from rnnbp.support import forks

loading = RLock()
"""Held while llvmlite is imported."""
# A module that is half imported when the process forks cannot be imported in the child.
forks.hold(loading)

_refused: list[str] = []
"""Why LLVM has refused, while this process ran, what all cells need; empty if it has not."""
_warned: list[str] = []
"""What ``warn_of_numpy`` has said."""


def failure() -> str | None:
    """Why there is no machine code; None if there is."""
    return _refused[0] if _refused else _failure()


def refuse(cause: str) -> bool:
    """Use no machine code from now on, as LLVM refuses what all cells need.

    Returns:
        False if that was known before.
    """
    if _refused:
        return False
    _refused.append(f"llvmlite does not work here ({cause})")
    return True


@lru_cache
def _failure() -> str | None:
    """Why llvmlite does not work, found by compiling the functions of ``team`` or reading them."""
    try:
        if find_spec("llvmlite") is None:
            return "llvmlite is not installed"
    except ValueError:  # somebody has blocked its import
        return "llvmlite cannot be imported"
    try:
        with loading:
            handoff.library()
    except Warning:  # a warning that is an error here says nothing of the compiler
        raise
    except Exception as error:  # a broken installation may raise anything
        return f"llvmlite does not work here ({type(error).__name__}: {error})"
    return None


def installed() -> bool:
    """True if there is a compiler, llvmlite, that works here."""
    return failure() is None


def warn_of_numpy() -> None:
    """Warn, once in a process, if there is no machine code where it would be used."""
    if (cause := failure()) is not None and not _warned:
        _warned.append(cause)
        text = (
            f"NumPy runs the cells, which is slower, as {cause}; "
            "RNNBP_BACKEND=numpy makes that a choice"
        )
        warnings.warn(text, RuntimeWarning, stacklevel=2)


def chosen() -> bool:
    """True if work outside cells (losses, update rules, checks for NaN) runs as machine code.

    It does where cells do by default.
    """
    given = os.environ.get(VARIABLE)
    return (not given or ALIASES.get(given, given) == "llvm") and installed()
