"""What a command tells its user instead of a traceback."""

from __future__ import annotations


class CommandError(Exception):
    """Input that a command cannot use; its message is one line that names the place, the finding, the cure."""


INTERRUPTED = 130
"""The exit status of a program that Ctrl-C stopped: 128 + SIGINT."""
