"""Signals that end a run: the first finishes the step, a second Ctrl-C stops at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Self, TypeAlias

NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Ctrl-C; ``kill`` and every scheduler's notice; a terminal that is closed; Windows' Ctrl-Break."""
NOTICE = "SIGUSR1"
"""A notice to the processes of a parallel run. Open MPI's mpiexec passes it on and waits, while on
Ctrl-C and SIGTERM it sends them SIGTERM, and SIGKILL 0.25 s later. Schedulers can be made to send
it, as Slurm by ``--signal``.
"""


Handler: TypeAlias = Callable[[int, FrameType | None], object] | int | signal.Handlers
"""What ``signal.signal`` takes."""


class Interrupts:
    """While entered, ``signal`` is the number of the first such signal that arrived, else None.

    After it SIGINT raises KeyboardInterrupt; the others change nothing more, because schedulers
    repeat them. The previous handlers return on leaving. Nothing is changed outside the main
    thread, where Python allows no handler, nor for a signal that is ignored, as SIGHUP is under
    nohup.

    Args:
        notice: True if SIGUSR1 is such a signal too, unless the script handles it.
    """

    def __init__(self, *, notice: bool = False) -> None:
        self._notice = notice
        self.signal: int | None = None
        self._previous: dict[int, Handler] = {}

    def __enter__(self) -> Self:
        try:
            self._take()
        except BaseException:
            self.restore()
            raise
        return self

    def _take(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                present = signal.getsignal(number)
                if present not in (None, signal.SIG_IGN):
                    self._replace(number, present)
            number = getattr(signal, NOTICE, None)
            if self._notice and number and signal.getsignal(number) == signal.SIG_DFL:
                self._replace(number, signal.SIG_DFL)

    def _replace(self, number: int, present: Handler) -> None:
        self._previous[number] = present
        signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Restore the previous handlers. An interrupt may cut this short: then call it again."""
        # of SIGINT last: until then it raises nothing
        for number, handler in reversed(list(self._previous.items())):
            signal.signal(number, handler)
        self._previous = {}

    def pass_on(self) -> None:
        """Pass a signal that the run did not act on to the previous handler."""
        if self.signal is not None:
            signal.raise_signal(self.signal)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.signal is None:
            self.signal = number
        elif number == signal.SIGINT:
            raise KeyboardInterrupt


def ending(number: int, text: str) -> BaseException:
    """The exception that ends the program after a signal: KeyboardInterrupt or SystemExit."""
    if number == signal.SIGINT:
        return KeyboardInterrupt(text)
    error = SystemExit(128 + number)
    error.add_note(text)
    return error
