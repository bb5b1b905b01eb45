"""What batches are read from: lists, loaders, generators, functions of the epoch; not arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import partial
from types import FunctionType, MethodType
from typing import TypeGuard

from rnnbp.train.source import Batch


def iterable(given: object) -> TypeGuard[Iterable[object]]:
    """True if it can be iterated, and is not an array, text, dict or single batch."""
    return (
        hasattr(given, "__iter__")
        and not isinstance(given, (str, bytes, Mapping, set, frozenset, type, Batch))
        and not hasattr(given, "__array__")
        and not hasattr(given, "shape")
    )


def holds_arrays(given: object) -> bool:
    """True if a list holds arrays or numbers, and not batches."""
    first = given[0] if isinstance(given, (list, tuple)) and given else ()
    return hasattr(first, "shape") or not isinstance(first, (list, tuple, Mapping, Batch))


def is_function(given: object) -> TypeGuard[Callable[..., Iterable[object]]]:
    """True if it may be a function of the epoch, and is not a network, loss or class."""
    return isinstance(given, (FunctionType, MethodType, partial))


def can_be_called(given: object) -> bool:
    """True if it is a function, or an object that is called as one."""
    return callable(given) and not isinstance(given, type) and not hasattr(given, "__iter__")


def takes_epoch(function: Callable[..., object]) -> bool:
    """True if a function has a parameter for the epoch."""
    try:
        inspect.signature(function).bind(0)
    except TypeError:
        return False
    except ValueError:  # of C, which does not say
        return True
    return True


def length_of(batches: object) -> int | None:
    """The result of ``len``; None if it fails."""
    if not isinstance(batches, Sized):
        return None
    try:
        return len(batches)
    except (TypeError, NotImplementedError, AttributeError):  # as of a loader of a stream
        return None
