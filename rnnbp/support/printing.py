"""Text of objects; signs that a terminal lacks become plain ones, not an error."""

from __future__ import annotations

import codecs
import functools
import re
import sys
import textwrap
import unicodedata
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

PLAIN = {
    "⊙": "*", "·": "*", "×": "x", "−": "-", "→": "->", "…": "...", "′": "'", "ᵀ": ".T", "²": "^2", "½": "0.5",
    "σ": "sigmoid", "Σ": "sum ", "√": "sqrt", "≤": "<=", "≥": ">=", "µ": "u", "μ": "u", "∞": "inf", "Δ": "D",
}  # fmt: skip
"""What stands for the signs of formulas, in ASCII."""


WIDE = 80
"""Columns of a line of words: those of a terminal that nobody has made wider."""


def filled(text: str, indent: int = 2) -> str:
    """``text`` in lines of at most 80 columns, all but the first indented.

    A number stays with its unit of bytes, and a name with "= 3" after it.
    """
    whole = re.sub(r"(?<=\d) (?=[kMG]?B\b)| (?==)|(?<==) ", "\0", text)
    found = textwrap.fill(whole, WIDE, subsequent_indent=" " * indent, break_on_hyphens=False)
    return found.replace("\0", " ")


def as_text(value: object) -> str:
    """repr in a context of its own, so that an interrupt leaves NumPy's error settings alone."""
    return copy_context().run(repr, value)


def printable(to_text: Callable[[T], str]) -> Callable[[T], str]:
    """Decorate a ``__str__``, so that ``print`` can write its text to ``sys.stdout``."""

    @functools.wraps(to_text)
    def plain(self: T) -> str:
        return for_stdout(to_text(self))

    return plain


def for_stdout(text: str) -> str:
    """``text``, with plain signs for those that ``sys.stdout`` cannot write."""
    encoding = getattr(sys.stdout, "encoding", None)
    if not isinstance(encoding, str):
        return text
    try:
        return text.encode(encoding, _ERRORS).decode(encoding)
    except (LookupError, UnicodeError):  # an encoding that nobody knows, or one without ASCII
        return text


def _replace(error: UnicodeError) -> tuple[str, int]:
    """(what stands for signs that cannot be encoded, where to go on), as codecs ask for it."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(sign: str) -> str:
    """An accented letter loses its accent; what has no likeness in ASCII is "?"."""
    return (
        PLAIN.get(sign)
        or unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
        or "?"
    )


_ERRORS = "rnnbp.plain"
codecs.register_error(_ERRORS, _replace)
