"""What is computed once for each of its arguments, and remembered for the last of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import wraps
from typing import Any, Generic, TypeVar

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Recent(Generic[K, T]):
    """Values by key, of the ``most`` keys that were used last: shapes without end take no memory
    without end.

    Threads may share it without a lock: at worst a value is made twice.
    """

    def __init__(self, most: int) -> None:
        self._known: OrderedDict[K, T] = OrderedDict()
        self.most = most

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K, make: Callable[[], T]) -> T:
        """The value of a key, which ``make`` returns where it is not known."""
        try:
            found = self._known[key]
            self._known.move_to_end(key)
        except KeyError:  # not known, or dropped by another thread just now
            found = make()
            self.put(key, found)
        return found

    def put(self, key: K, value: T) -> None:
        """Remember a value, and forget the one that was used least recently where there are too
        many."""
        self._known[key] = value
        while len(self._known) > self.most:
            try:
                self._known.popitem(last=False)
            except KeyError:
                return

    def items(self) -> list[tuple[K, T]]:
        """All keys with their values."""
        return list(self._known.items())

    def clear(self) -> None:
        """Forget all."""
        self._known.clear()


def once(method: Callable[..., T]) -> Callable[..., T]:
    """Ask a method once for each of its arguments; the object's ``asked`` remembers the answers."""
    name = method.__name__

    @wraps(method)
    def remembering(self: Any, *args: Any) -> T:
        found: T = self.asked.get((name, *args), lambda: method(self, *args))
        return found

    return remembering
