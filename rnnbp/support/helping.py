"""Keeps ``help`` of a package to its page."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from types import FrameType

NEAR = 5
"""Calls from pydoc's to a module's ``__dir__``, at most."""


def names_of(names: Iterable[str], *, page: bool = True) -> Callable[[], list[str]]:
    """The ``__dir__`` of a module: its public names alone, as a reader looks for them.

    With ``page``, none for ``help``, which would print every class in full after the page that
    lists them.
    """
    known = sorted(names)

    def listed() -> list[str]:
        return [] if page and asked() else known

    return listed


def asked() -> bool:
    """True within pydoc's ``docmodule``, which prints each class of a module in full.

    It has no other way to be told: the names of ``__all__`` are all public.
    """
    frame: FrameType | None = inspect.currentframe()
    for _ in range(NEAR):
        frame = None if frame is None else frame.f_back
        if frame is not None and frame.f_code.co_name == "docmodule":
            return frame.f_globals.get("__name__") == "pydoc"
    return False
