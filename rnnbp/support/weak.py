"""Values of objects, for as long as the objects live."""

from __future__ import annotations

from typing import Generic, TypeVar
from weakref import ReferenceType, ref

K = TypeVar("K")
V = TypeVar("V")


class WeakKeys(Generic[K, V]):
    """A dictionary that forgets a key when nobody else has it.

    As ``WeakKeyDictionary``, whose callback is Python's: an interrupt that comes in it is lost. That of these is C's.
    """

    def __init__(self) -> None:
        self._values: dict[ReferenceType[K], V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return ref(key) in self._values

    def __getitem__(self, key: K) -> V:
        return self._values[ref(key)]

    def __setitem__(self, key: K, value: V) -> None:
        self._values[ref(key, self._values.pop)] = value

    def get(self, key: K) -> V | None:
        """The value of a key, None if it has none."""
        return self._values.get(ref(key))

    def setdefault(self, key: K, value: V) -> V:
        """The value that a key has, or else is given now."""
        try:
            return self._values[ref(key)]
        except KeyError:
            return self._values.setdefault(ref(key, self._values.pop), value)

    def forget(self, key: K) -> None:
        """Drop a key and its value, if it is there."""
        self._values.pop(ref(key), None)

    def live(self) -> list[K]:
        """The keys that live."""
        return [key for reference in list(self._values) if (key := reference()) is not None]

    def clear(self) -> None:
        """Drop all."""
        self._values.clear()
