"""Arithmetic as IEEE 754 has it: infinities, NaN and subnormal numbers are results, never errors, warnings or zeros."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import partial, wraps
from typing import ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")


LEAST, HALF = sys.float_info.min, 0.5
"""The least normal number; its half is 0 to a processor that flushes to zero, or reads subnormal numbers as 0."""
DEFAULT = ctypes.c_void_p(-1)
"""FE_DFL_ENV of glibc and musl: rounded to nearest, no traps, nothing flushed to zero."""
SIZE = 64
"""Bytes of C's ``fenv_t``, which has 32 at most on x86 and ARM."""


def ieee(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with IEEE arithmetic, whatever ``numpy.seterr`` and the thread's own mode say.

    NumPy's floating-point errors are ignored: machine code does not look at that setting, and exp underflows as
    a matter of course. On Linux flush-to-zero, which another library may have set in this thread, is off
    meanwhile. The caller's settings are back on return, after an exception too. Code of the user's own that
    the function calls, as a loss or a layer, runs like the rest.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        before = np.geterr()
        try:
            with np.errstate(all="ignore"):
                if LEAST * HALF == 0 and sys.platform.startswith("linux"):
                    return _unflushed(partial(function, *args, **kwargs))
                return function(*args, **kwargs)
        except BaseException:
            np.seterr(**before)  # again: NumPy forgets them where an interrupt comes while it changes them
            raise

    return run


def _unflushed(work: Callable[[], R]) -> R:
    """``work`` in the default mode of the thread's arithmetic; as it is where C has no way to set that."""
    library = ctypes.PyDLL(None)  # NumPy and Python have the mathematical functions of C loaded
    if not (hasattr(library, "fegetenv") and hasattr(library, "fesetenv")):
        return work()
    kept = ctypes.create_string_buffer(SIZE)
    library.fegetenv(kept)
    try:
        library.fesetenv(DEFAULT)
        return work()
    finally:
        library.fesetenv(kept)
