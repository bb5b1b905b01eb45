"""Loss functions that need no check any more."""

from __future__ import annotations

from types import MethodType

from rnnbp.support.prepared import Remembered

_passed = Remembered[object, set[object]](lambda function: set())
"""Functions that need no check any more, and as what; of a method its object, with the function."""


def has_passed(function: object, kind: type) -> bool:
    """True if a function has passed the check, as a loss of this kind."""
    owner, key = _key(function, kind)
    try:
        return key in (_passed.get(owner) or ())
    except TypeError:  # it has no hash, or no weak references
        return False


def note_passed(function: object, kind: type) -> None:
    """Record that a function has passed the check, as a loss of this kind."""
    owner, key = _key(function, kind)
    try:
        _passed.of(owner).add(key)
    except TypeError:
        return


def _key(function: object, kind: type) -> tuple[object, tuple[type, object]]:
    if isinstance(function, MethodType):
        return function.__self__, (kind, function.__func__)
    return function, (kind, None)
