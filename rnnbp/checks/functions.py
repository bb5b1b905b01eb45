"""Functions of the user: a note on their exceptions says which argument and which call."""

from __future__ import annotations

from functools import partial

from rnnbp.numerics import shown
from rnnbp.support.tracebacks import CALLED_AS


def name_of(function: object) -> str:
    """The name of a function, without the address that ``repr`` shows."""
    if isinstance(function, partial):
        return name_of(function.func)
    found = getattr(function, "__qualname__", None)
    if isinstance(found, str):
        return found.rpartition("<locals>.")[2]
    text = shown(function)
    return type(function).__name__ if " at 0x" in text else text


def note_call(error: Exception, what: str, function: object, given: str, returns: str) -> None:
    """Add a note to an exception out of the user's function.

    Args:
        error: the exception.
        what: the argument that the function is.
        function: the function.
        given: how it was called.
        returns: what it should return.
    """
    error.add_note(
        f"in {what}, the function {name_of(function)}, {CALLED_AS}{given}); it is to return "
        f"{returns}"
    )
