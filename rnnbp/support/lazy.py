"""Values that are computed when first needed, without a lock that a fork could inherit.

``functools.cached_property`` of Python 3.11 holds one, for all objects of a class, while it
computes. Here two threads may compute the same value at once; both get the one that came first, so
that what refers to it, as an address in machine code does, stays valid.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Generic, Self, TypeVar, overload

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class cached_property(functools.cached_property[T_co]):  # noqa: N801 (as the one that it replaces)
    """An attribute that is computed once, and again after it is deleted from the dict."""

    @overload
    def __get__(self, instance: None, owner: type | None = None) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> T_co: ...
    def __get__(self, instance: object, owner: type | None = None) -> object:
        if instance is None:
            return self
        assert self.attrname is not None
        return instance.__dict__.setdefault(self.attrname, self.func(instance))


class cached(Generic[T]):  # noqa: N801 (a decorator)
    """Remember for ever what a function returns for its arguments; all get the same object."""

    def __init__(self, function: Callable[..., T]) -> None:
        self._function, self._known = function, dict[tuple[object, ...], T]()
        functools.update_wrapper(self, function)

    def __call__(self, *args: object) -> T:
        try:
            return self._known[args]
        except KeyError:
            return self._known.setdefault(args, self._function(*args))

    def cache_clear(self) -> None:
        """Forget all that has been returned."""
        self._known.clear()
