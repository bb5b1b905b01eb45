"""Standard output of a command: whole lines at once, and what happens if they cannot be written."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Make stdout and stderr usable by any command, whatever they are connected to.

    Each line is written when it is printed. A pipe or a file would get them in blocks, the last at
    the exit of Python, where it is too late to report that the reader is gone or the disk is full.
    """
    if sys.stdout is None or sys.stderr is None:  # closed by the shell, as with >&-
        nowhere = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  # as long as the process
        sys.stdout, sys.stderr = sys.stdout or nowhere, sys.stderr or nowhere
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 shows ? instead
            stream.reconfigure(errors="replace", line_buffering=True)


def discard_output() -> None:
    """Discard what is still written to stdout: its reader, as ``head``, has closed it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def discard_unwritten() -> None:
    """Discard what stdout cannot take, because Python would try again at its exit, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
