"""Keeps ``help`` of a package to its page."""

from __future__ import annotations

import inspect
from types import FrameType

NEAR = 5
"""Calls from pydoc's to a module's ``__dir__``, at most."""


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
