"""The name that somebody may have meant, for errors."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like ``name``, capital letters apart, or "" where none is."""
    folded = {_folded(each): each for each in known}
    found = difflib.get_close_matches(_folded(name), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else ""


def hint(name: object, known: Iterable[str]) -> str:
    """As " (did you mean 'momentum'?)", or "" where no known name is like it, or it is no text."""
    found = nearest(name, known) if isinstance(name, str) else ""
    return meant(repr(found)) if found else ""


def meant(name: str) -> str:
    """The same for a name that is known, in quotes if it has some."""
    return f" (did you mean {name}?)"


def unknown(text: str, way: str, name: str, owner: object) -> AttributeError:
    """The error for an attribute that there is not.

    With a ``way`` of our own it has no ``name``: Python would add its own suggestion in a
    traceback. An ``owner`` keeps it from setting both.
    """
    if way:
        return AttributeError(f"{text}{way}", obj=owner)
    return AttributeError(text, name=name, obj=owner)


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_")
