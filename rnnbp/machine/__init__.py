"""Internal: machine code, its text, compiler and threads, and functions for arrays outside cells.

- Text: ``ir`` (LLVM's language), ``mathematics`` (exp, tanh, sigmoid), ``rows`` (along a row).
- Compiler: ``compile``, with ``cache`` and ``private`` for what is kept on disk.
- Threads: ``team``; ``records`` and ``tasks`` are what they read; ``processors``, ``rounding``.
- Arrays outside cells: ``elementwise`` (the functions), ``arrays`` (their calls), ``finite``.
- ``availability``: whether there is machine code here; ``settings``: the environment's variables.

Nothing here knows a cell; that is ``rnnbp.runners.llvm``.
"""

from __future__ import annotations

from rnnbp.machine.availability import (
    chosen,
    failure,
    installed,
    loading,
    refuse,
    warn_of_numpy,
)
from rnnbp.machine.errors import CompileError
from rnnbp.machine.settings import (
    ALIASES,
    MOST_THREADS,
    PRECISION,
    START,
    TAPE_BITS,
    THREADS,
    VARIABLE,
)

__all__ = [
    "ALIASES",
    "MOST_THREADS",
    "PRECISION",
    "START",
    "TAPE_BITS",
    "THREADS",
    "VARIABLE",
    "CompileError",
    "chosen",
    "failure",
    "installed",
    "loading",
    "refuse",
    "warn_of_numpy",
]
