"""Notebooks: whether this process runs one, and output of a cell that can be replaced."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
from collections.abc import Callable
from typing import Protocol

_PROCESS = os.getpid()


def in_notebook() -> bool:
    """True in the kernel of a notebook; False in its child processes, which have no cells."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or "IPKernelApp" not in shell.config:
        return False
    return os.getpid() == _PROCESS and multiprocessing.parent_process() is None


class _Handle(Protocol):
    """What IPython's ``display`` returns for an output with an id."""

    def update(self, data: dict[str, str], *, raw: bool) -> None: ...


class Output:
    """A text in the output of the present cell, which each ``show`` replaces. Needs no widgets."""

    def __init__(self) -> None:
        self._display: Callable[..., _Handle] = importlib.import_module("IPython.display").display
        self._handle: _Handle | None = None

    def show(self, text: str) -> None:
        """Write it, in place of the one before; "" leaves nothing."""
        data = {"text/plain": text}
        if not text:
            data["text/html"] = ""  # an empty line of plain text would be shown
        if self._handle is None:
            self._handle = self._display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
