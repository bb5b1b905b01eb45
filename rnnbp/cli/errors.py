"""The errors that a command prints in one line instead of a traceback."""

from __future__ import annotations

from rnnbp.numerics import escaped


class CommandError(Exception):
    """Input that a command cannot use: one line with the place, what was found and the cure.

    Characters that would control a terminal are escaped: names in it may come from a file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))


STOPPED = 128
"""The exit status of a program that a signal stopped is this plus the number of the signal."""
