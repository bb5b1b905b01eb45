"""What is computed once for each of its arguments, and remembered for the last of them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Recent(Generic[K, T]):
    """Values by key, of the ``most`` keys that came last: ever new shapes take no more memory.

    A key that is found stays where it is, which costs nothing. The first that came goes, and is
    made again if it is needed.
    Threads may share it without a lock: at worst a value is made twice.
    """

    def __init__(self, most: int) -> None:
        self.known: dict[K, T] = {}
        """To be read."""
        self.most = most

    def __len__(self) -> int:
        return len(self.known)

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The value of a key, which ``make`` returns where it is not known."""
        try:
            return self.known[key]
        except KeyError:
            pass
        found = make()
        self.put(key, found)
        return found

    def put(self, key: K, value: T) -> None:
        """Remember a value, and forget those that came first where there are too many."""
        self.known[key] = value
        while len(self.known) > self.most:
            try:
                self.known.pop(next(iter(self.known)), None)
            except (StopIteration, RuntimeError):  # another thread is at it, and drops them
                return

    def items(self) -> list[tuple[K, T]]:
        """All keys with their values."""
        return list(self.known.items())

    def clear(self) -> None:
        """Forget all."""
        self.known.clear()


class Asked(Protocol):
    """An object that remembers its answers."""

    @property
    def asked(self) -> Recent[Any, Any]:  # answers of several methods, each of its own type
        """By the name of a method and its arguments."""


def once(method: Callable[..., T]) -> Callable[..., T]:
    """Ask a method once for each of its arguments; the object's ``asked`` remembers the answers."""
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
