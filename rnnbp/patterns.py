"""Patterns of the paths of parameters, as an optimiser's groups and penalties on them have."""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase

from rnnbp.naming import likely
from rnnbp.numerics import shown
from rnnbp.support.nearest import meant

LISTS = (tuple, list, set, frozenset)


def matching(place: str, patterns: object, names: Collection[str]) -> list[str]:
    """The names that match one of the patterns, as ``fnmatch`` does, in their order.

    Raises TypeError for anything but texts, ValueError for a pattern that matches none.
    """
    listed = (patterns,) if isinstance(patterns, str) else patterns
    if not isinstance(listed, LISTS) or not all(isinstance(p, str) for p in listed):
        raise no_patterns(place, patterns, names)
    for pattern in listed:
        if not any(fnmatchcase(name, pattern) for name in names):
            under = any(name.startswith(f"{pattern}.") for name in names)
            near = meant(repr(f"{pattern}.*")) if under else likely(pattern, names)
            raise ValueError(
                f"{place}: {pattern!r} fits no parameter{near}; they are {', '.join(names)} "
                f"(* stands for any letters, of a tied parameter the first name counts)"
            )
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in listed)]


def no_patterns(place: str, given: object, names: Collection[str], more: str = "") -> TypeError:
    """The error for what is no pattern."""
    first = re.sub(r"(?<=\.).*", "", next(iter(names), ""))
    return TypeError(f'{place} are patterns of names, as ("{first}*",){more}, found {shown(given)}')
