"""Caches of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Recent(Generic[K, T]):
    """A cache of the last ``most`` keys, so that a stream of new shapes takes no more memory.

    It is first in, first out: a hit does not move its key, which keeps hits cheap.
    Threads may share it without a lock; at worst a value is computed twice.
    """

    def __init__(self, most: int) -> None:
        self.known: dict[K, T] = {}
        """By key; for reading only."""
        self.most = most

    def __len__(self) -> int:
        return len(self.known)

    def get(self, key: K, make: Callable[[], T]) -> T:
        """Returns the value of a key; ``make`` computes it on a miss."""
        try:
            return self.known[key]
        except KeyError:
            pass
        found = make()
        self.put(key, found)
        return found

    def put(self, key: K, value: T) -> None:
        """Store a value, and drop the oldest where there are more than ``most``."""
        self.known[key] = value
        while len(self.known) > self.most:
            try:
                self.known.pop(next(iter(self.known)), None)
            except (StopIteration, RuntimeError):  # another thread is dropping them
                return

    def items(self) -> list[tuple[K, T]]:
        """Returns all keys with their values."""
        return list(self.known.items())

    def clear(self) -> None:
        """Drop all."""
        self.known.clear()


Answers: TypeAlias = Recent[tuple[str, tuple[object, ...]], Any]
"""Answers by the name of a method and its arguments. Any: each method has its own type."""


class Asked(Protocol):
    """An object with a cache of what its methods returned."""

    @property
    def asked(self) -> Answers:
        """Results by method name and arguments."""


def once(method: Callable[..., T]) -> Callable[..., T]:
    """Cache what a method returns, by its arguments, in a cache of the object's own."""
    name = method.__name__

    @wraps(method)
    def remembering(self: Asked, *args: object) -> T:
        asked = self.asked
        try:
            known: T = asked.known[name, args]
        except KeyError:
            found = method(self, *args)
            asked.put((name, args), found)
            return found
        return known

    return remembering
