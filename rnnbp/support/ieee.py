"""IEEE 754 arithmetic: infinities, NaN and subnormals are results, never errors or zeros."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial, wraps
from typing import Literal, ParamSpec, TypeAlias, TypedDict, TypeVar

import numpy as np

from rnnbp.support.aside import aside
from rnnbp.support.stacks import cramped
from rnnbp.support.tracebacks import shorten

P = ParamSpec("P")
R = TypeVar("R")
Reaction: TypeAlias = Literal["ignore", "warn", "raise", "call", "print", "log"]

LEAST, HALF = sys.float_info.min, 0.5
"""The least normal number; its half is 0 to a processor that flushes to zero, or reads subnormal
numbers as 0.
"""
DEFAULT = ctypes.c_void_p(-1)
"""FE_DFL_ENV of glibc and musl: rounded to nearest, no traps, nothing flushed to zero."""
SIZE = 64
"""Bytes of C's ``fenv_t``, which has 32 at most on x86 and ARM."""
BY_THREAD = int(np.__version__.partition(".")[0]) < 2
"""Whether NumPy has its settings by thread, as NumPy 1, and not in the context."""


class Settings(TypedDict):
    """What ``numpy.geterr`` returns."""

    divide: Reaction
    over: Reaction
    under: Reaction
    invalid: Reaction


def ieee(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` with IEEE arithmetic, whatever ``numpy.seterr`` and the thread's mode.

    NumPy's floating-point errors are ignored: machine code does not look at that setting, and exp
    underflows as a matter of course. On Linux flush-to-zero, which another library may have set in
    this thread, is off meanwhile. The caller's settings are back on return, after an exception too.
    Code of the user's own that the function calls, as a loss or a layer, runs like the rest; a
    ``ContextVar`` that it sets is set for it alone. In a thread whose stack is small all of it runs
    in another one, with room.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        if cramped():
            return aside(partial(run, *args, **kwargs))
        before, errors = np.geterr() if BY_THREAD else None, np.errstate(all="ignore")
        try:
            if LEAST * HALF == 0 and sys.platform.startswith("linux"):
                return within(errors, _unflushed, partial(function, *args, **kwargs))
            return within(errors, function, *args, **kwargs)
        except BaseException as error:
            if before is not None:
                _put_back(before)  # the best that can be done there
            shorten(error)
            raise

    return run


def restoring(function: Callable[P, R]) -> Callable[P, R]:
    """Put NumPy's settings back when ``function`` raises, as a KeyboardInterrupt.

    For calls that run much code of others in the caller's own context, as callbacks and sources do:
    there an interrupt may leave the ``errstate`` of any library entered. What such code sets on
    purpose stays when the call returns.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        before = np.geterr()
        try:
            return function(*args, **kwargs)
        except BaseException:
            _put_back(before)
            raise

    return run


def _put_back(settings: Settings) -> None:
    put_back = partial(np.seterr, **settings)
    try:
        put_back()
    except BaseException:  # a second interrupt
        put_back()
        raise


def apart(function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
    """Call ``function`` in a copy of the context.

    For what enters an ``errstate`` itself, as NumPy's seeding does. An interrupt in between leaves
    the caller's settings as they were.
    """
    return copy_context().run(function, *args, **kwargs)


def within(
    errors: np.errstate, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Call ``function`` under NumPy's settings ``errors``, which no interrupt can leave behind.

    NumPy 2 has the settings in the context, and ``errstate`` may be interrupted between a change
    and the note that it is to be undone. So they are changed in a copy of the context, which C
    drops.
    """
    return copy_context().run(_entered, errors, function, args, kwargs)


def _entered(
    errors: np.errstate,
    function: Callable[..., R],
    args: tuple[object, ...],
    kwargs: Mapping[str, object],
) -> R:
    with errors:
        return function(*args, **kwargs)


def _unflushed(work: Callable[[], R]) -> R:
    """``work`` in the default mode of the thread's arithmetic, if C can set that."""
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
