"""Ctrl-C: the first finishes the step, the second stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any, Self


class Interrupts:
    """While entered, ``asked`` is set by the first SIGINT, and the second raises KeyboardInterrupt.

    The handler that was there returns on leaving. Nothing is changed outside the main thread, where
    Python allows no handler, nor where SIGINT is ignored, as under nohup.
    """

    def __init__(self) -> None:
        self.asked = False
        self._previous: Any = None

    def __enter__(self) -> Self:
        present = signal.getsignal(signal.SIGINT)
        if threading.current_thread() is threading.main_thread() and present not in (None, signal.SIG_IGN):
            self._previous = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
