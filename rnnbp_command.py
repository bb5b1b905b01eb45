"""The command ``rnnbp`` before the library is imported, which takes a second.

A signal that arrives meanwhile ends the process at once, without a traceback: nothing has begun
yet.
"""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
"""Those that end a command; Windows lacks the last."""


def main() -> int:
    """Run the command line; returns the exit status."""
    before = {}
    for number in (getattr(signal, name) for name in SIGNALS if hasattr(signal, name)):
        present = signal.getsignal(number)
        if present in (
            signal.SIG_DFL,
            signal.default_int_handler,
        ):  # not what nohup or a parent ignores
            before[number] = present
            signal.signal(number, _leave)
    from rnnbp.cli.main import main as command

    for number, handler in before.items():
        signal.signal(number, handler)
    return command()


def _leave(number: int, frame: FrameType | None) -> None:
    """End here: an exception would come out in the middle of some import, which may replace it by
    its own."""
    os.write(2, b"rnnbp: stopped\n")
    os._exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
