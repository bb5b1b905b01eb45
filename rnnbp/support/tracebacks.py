"""Tracebacks of errors that the library raises: the caller's line, and the last of ours.

Decorators, threads' settings and planning stand between a call and the check that refuses it, up to
30 lines that say nothing to the caller. So they do before a function of the user's that is an
argument, as a loss, where its error has a note that says so. Where Python or NumPy raised, all
stay, and everywhere with the environment variable RNNBP_FULL_TRACEBACK=1, as a debugger needs them.
"""

from __future__ import annotations

import dis
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

VARIABLE = "RNNBP_FULL_TRACEBACK"
KEPT = 3
"""Lines of the library's that stay."""
INTERRUPTED = f": interrupted, nothing is returned; {VARIABLE}=1 shows where"
"""How the text of a KeyboardInterrupt that Python raised goes on."""
CALLED_AS = "called as ("
"""What notes say that errors out of functions of the user's get."""
GENERATED = "<rnnbp "
"""How the names of files begin that code has which this library writes and compiles."""
_HERE = str(Path(__file__).parents[1]) + os.sep
_RAISE = dis.opmap["RAISE_VARARGS"]


def shorten(error: BaseException) -> None:
    """Leave out the library's own frames of an error but for the last ``KEPT``.

    All stay unless the library raised it on purpose, or a function of the user's raised it.
    """
    entries = list(_entries(error.__traceback__))
    if not entries or _all_wanted():
        return
    if not _raised_here(entries[-1]) and not any(
        CALLED_AS in note for note in getattr(error, "__notes__", ())
    ):
        return
    _leave_out(error, entries, KEPT)


def explain_interrupt(error: KeyboardInterrupt, name: str) -> None:
    """Say what was interrupted, and leave out the library's own frames.

    Where it stood when Ctrl-C was pressed says nothing to the caller, and a notebook shows a dozen
    lines of code around it. The last frame stays where it called a function of the user's. An error
    that has a text of its own, as out of ``fit``, keeps it; of functions that call each other the
    outermost is named.
    """
    if not error.args or str(error.args[0]).endswith(INTERRUPTED):
        error.args = (f"{name}{INTERRUPTED}",)
    if _all_wanted():
        return
    entries = list(_entries(error.__traceback__))
    _leave_out(error, entries, 0 if entries and _is_ours(entries[-1]) else 1)
    if error.__context__ is not None and all(
        map(_is_ours, _entries(error.__context__.__traceback__))
    ):
        error.__suppress_context__ = True  # what we were handling when it came


def _all_wanted() -> bool:
    return os.environ.get(VARIABLE, "0") not in ("", "0")


def _leave_out(error: BaseException, entries: list[TracebackType], kept: int) -> None:
    """Leave out frames of the library's but for the last ``kept``."""
    ours = [entry for entry in entries if _is_ours(entry)]
    left_out = {id(entry) for entry in ours[: len(ours) - kept]}
    found: TracebackType | None = None
    for entry in reversed(entries):
        if id(entry) not in left_out:
            # None where an interrupt comes between lines, which typeshed does not know
            line: int | None = entry.tb_lineno
            at = entry.tb_lasti, (-1 if line is None else line)
            found = TracebackType(found, entry.tb_frame, *at)
    error.__traceback__ = found


def _entries(entry: TracebackType | None) -> Iterator[TracebackType]:
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _is_ours(entry: TracebackType) -> bool:
    return entry.tb_frame.f_code.co_filename.startswith((_HERE, GENERATED))


def _raised_here(entry: TracebackType) -> bool:
    """True if a ``raise`` of the library's stands there, not an error that nobody expected."""
    return _is_ours(entry) and entry.tb_frame.f_code.co_code[entry.tb_lasti] == _RAISE
