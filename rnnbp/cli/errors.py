"""What a command tells its user instead of a traceback."""

from __future__ import annotations

import os
import sys

from rnnbp.numerics import escaped


class CommandError(Exception):
    """Input that a command cannot use; its message is one line that names the place, the finding,
    the cure.

    Characters of it that a terminal would obey are escaped: names in it may come from a file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


STOPPED = 128
"""The exit status of a program that a signal stopped is this plus the number of the signal."""


def discard_output() -> None:
    """Send what is still written to stdout nowhere: its reader, as ``head``, has had enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
