"""SIGTERM and SIGHUP end a command as Ctrl-C does."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rnnbp.cli.errors import STOPPED


class Stopped(KeyboardInterrupt):
    """A signal other than SIGINT, which raises KeyboardInterrupt itself."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


def status_of(number: int | None) -> int:
    """The exit status after a signal: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP."""
    return STOPPED + (signal.SIGINT if number is None else number)


@contextmanager
def raising() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise ``Stopped`` in a block instead of ending the process."""
    changed = list[signal.Signals]()
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (
                getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)
            ):
                if signal.getsignal(number) is signal.SIG_DFL:
                    changed.append(number)  # before it is: an interrupt may follow at once
                    signal.signal(number, _raise)
        yield
    finally:
        ended, stopped = False, None
        while not ended:
            try:
                _reset(changed)
                ended = True
            except KeyboardInterrupt as error:  # a second one, or the next
                stopped = error
        if stopped is not None:
            raise stopped


def _reset(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_DFL)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
