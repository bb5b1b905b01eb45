"""A dictionary whose entries live as long as their keys."""

from __future__ import annotations

from typing import Generic, TypeVar
from weakref import ReferenceType, ref

K = TypeVar("K")
V = TypeVar("V")


class WeakKeys(Generic[K, V]):
    """A dictionary that drops a key when no other reference to it is left.

    ``WeakKeyDictionary`` does so in a callback in Python, in which an interrupt would be lost. Here
    the callback is ``dict.pop``, which runs in C.
    """

    def __init__(self) -> None:
        self._values: dict[ReferenceType[K], V] = {}
        self.find = self._values.get
        """``get`` by a weak reference, without a call of Python: every run asks a dozen times."""

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: K) -> bool:
        return ref(key) in self._values

    def __getitem__(self, key: K) -> V:
        return self._values[ref(key)]

    def __setitem__(self, key: K, value: V) -> None:
        self._values[ref(key, self._values.pop)] = value

    def get(self, key: K) -> V | None:
        """Returns the value of a key, None if it is not there."""
        return self._values.get(ref(key))

    def setdefault(self, key: K, value: V) -> V:
        """Returns the value of a key, stored now if it was not there."""
        try:
            return self._values[ref(key)]
        except KeyError:
            return self._values.setdefault(ref(key, self._values.pop), value)

    def forget(self, key: K) -> None:
        """Drop a key and its value, if it is there."""
        self._values.pop(ref(key), None)

    def live(self) -> list[K]:
        """Returns the keys that are alive."""
        return [key for reference in list(self._values) if (key := reference()) is not None]

    def clear(self) -> None:
        """Drop all."""
        # A value may hold another key: its reference must go first.
        values = list(self._values.values())
        self._values.clear()
        del values
