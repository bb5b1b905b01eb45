"""Values that are described in one line, and what stands for a value in its description."""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import types

import numpy as np

from rnnbp.numerics import Array
from rnnbp.train.attributes import state_of

UNKNOWN = "cannot be compared: "
"""What a line begins with that cannot tell whether two values are equal."""
LONGEST = 200
"""Characters of a text that are shown in full."""
PLAIN = (
    types.NoneType,
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    np.dtype,
    range,
    slice,
    type(Ellipsis),
)
COMPILED = (
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    types.WrapperDescriptorType,
    np.ufunc,
)
STATELESS: tuple[type, ...] = (
    type(threading.Lock()),
    type(threading.RLock()),
    threading.Event,
    threading.Condition,
)
RANDOM = (np.random.Generator, np.random.BitGenerator, np.random.RandomState)
INSTEAD = (*RANDOM, types.MappingProxyType, property, staticmethod, classmethod)


def digest(text: str | bytes) -> str:
    """The first digits of the sha256."""
    return hashlib.sha256(
        text.encode(errors="surrogatepass") if isinstance(text, str) else text
    ).hexdigest()[:16]


def short(text: str) -> str:
    """The text, or if it is long its beginning and a digest."""
    return (
        text
        if len(text) <= LONGEST
        else f"{text[: LONGEST // 2]}… ({len(text)} characters, {digest(text)})"
    )


def of_array(array: Array) -> str:
    """dtype, shape and values; a digest of the values if there are many."""
    kind = f"{array.dtype}{list(array.shape)}"
    if array.size <= 8:
        return f"{kind} {array.tolist()}"
    return f"{kind} {digest(np.ascontiguousarray(array).tobytes())}"


def in_one_line(value: object) -> str | None:
    """The line of an array, module, pattern, generic type, logger or lock; None for others."""
    match value:
        case np.ndarray() if value.dtype.hasobject:
            return None
        case np.ndarray() | np.generic():
            return of_array(np.asarray(value))
        case types.ModuleType():
            return f"module {value.__name__}"
        case re.Pattern() | types.GenericAlias() | types.UnionType():
            return short(repr(value))
        case logging.Logger():
            return "a logger"
    return type(value).__name__ if isinstance(value, STATELESS) else None


def instead_of(value: object) -> object:
    """What is described in the place of one of ``INSTEAD``."""
    if isinstance(value, RANDOM):
        return state_of(value)
    if isinstance(value, types.MappingProxyType):
        return dict(value)
    if isinstance(value, property):
        return value.fget
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def name_of_compiled(value: object) -> str | None:
    """The name of a function of C; None for other objects."""
    if isinstance(value, COMPILED):
        return str(getattr(value, "__qualname__", value.__name__))
    return None
