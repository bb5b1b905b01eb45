"""The name that somebody may have meant, for errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like ``name``, or "" where none is."""
    found = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else ""


def hint(name: str, known: Iterable[str]) -> str:
    """ ", did you mean 'momentum'?", or "" where no known name is like ``name``."""
    found = nearest(name, known)
    return f", did you mean {found!r}?" if found else ""
