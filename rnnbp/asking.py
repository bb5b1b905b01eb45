"""Methods that are asked once for each of their arguments."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def once(method: Callable[..., T]) -> Callable[..., T]:
    """Ask a method once for each of its arguments; the object's dict ``asked`` remembers the answers."""

    @wraps(method)
    def remembering(self: Any, *args: Any) -> T:
        key, asked = (method.__name__, *args), self.asked
        if key not in asked:
            asked[key] = method(self, *args)
        found: T = asked[key]
        return found

    return remembering
