"""Arguments and attributes under their old names, which go on with a DeprecationWarning."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from rnnbp.support.tracebacks import shorten
from rnnbp.wording.arguments import check_init

P = ParamSpec("P")
R = TypeVar("R")


def warn_renamed(old: str, new: str, stacklevel: int = 2) -> None:
    """Warn, at the line that calls our caller, that ``old`` is now spelled ``new``."""
    warnings.warn(
        f"{old} is deprecated, it is now {new}", DeprecationWarning, stacklevel=stacklevel + 1
    )


def renamed(old: str, new: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a constructor so that it takes the argument ``new`` under the name ``old`` too.

    Raises TypeError where both are given.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def called(*args: P.args, **options: P.kwargs) -> R:
            try:
                if old in options:
                    warn_renamed(f"{old}=", f"{new}=")
                    if new in options:
                        raise TypeError(f"{old} and {new} are one argument; give {new} alone")
                    options[new] = options.pop(old)
                check_init(type(args[0]).__name__, function, args[1:], options)
                return function(*args, **options)
            except Exception as error:  # whatever it raises: the traceback alone changes
                shorten(error)
                raise

        return called

    return decorate
