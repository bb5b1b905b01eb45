"""The errors that a command prints in one line instead of a traceback."""

from __future__ import annotations

import os
import sys

from rnnbp.numerics import escaped


class CommandError(Exception):
    """Input that a command cannot use; the message is one line with the place, what was found, the
    cure.

    Characters that would control a terminal are escaped: names in it may come from a file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


STOPPED = 128
"""The exit status of a program that a signal stopped is this plus the number of the signal."""


def discard_output() -> None:
    """Discard what is still written to stdout: its reader, as ``head``, has closed it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
