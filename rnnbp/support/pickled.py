"""Copies and pickles: objects that stay shared under any pickler, and classes with slots."""

from __future__ import annotations

from collections.abc import Mapping
from typing import SupportsIndex
from weakref import WeakValueDictionary

Reduced = str | tuple[object, ...]
"""What ``__reduce_ex__`` returns."""


class Once:
    """Stands for an object in a pickle, and is unpickled as that object.

    Joblib's pickler writes an array again wherever it meets it. It writes each object of any other
    class once, so what holds one array in two places pickles the same ``Once`` in both.
    """

    __slots__ = ("__weakref__", "value")

    def __init__(self, value: object) -> None:
        self.value = value

    def __reduce__(self) -> Reduced:
        return _same, (self.value,)


def once(value: object) -> Once:
    """The ``Once`` of an object: the same one as long as a pickler, or anything else, holds it."""
    # It keeps the object alive, so that no other object gets its number.
    return _known.setdefault(id(value), Once(value))


def all_once(given: Mapping[str, object]) -> dict[str, Once]:
    """``once`` of each value of a dict."""
    return {name: once(value) for name, value in given.items()}


class Slotted:
    """What classes with ``__slots__`` inherit, so that pickle's protocols 0 and 1 take them too."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: SupportsIndex) -> Reduced:
        return super().__reduce_ex__(max(2, int(protocol)))


_known: WeakValueDictionary[int, Once] = WeakValueDictionary()


def _same(value: object) -> object:
    return value
