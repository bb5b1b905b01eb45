"""What an object is, as text that another process can compare: settings, arrays, closures, code,
nested objects.

Two descriptions are equal where what is described computes the same, as far as its state and code
can tell; what they cannot tell begins with ``UNKNOWN``.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import re
import sys
import threading
import types
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

import numpy as np

from rnnbp.numerics import Array
from rnnbp.train.attributes import attributes_of, contents, reduced, state_of
from rnnbp.train.bytecode import code_text, global_names, is_library, library_name, of_library

UNKNOWN = "cannot be compared: "
LONGEST, MOST, DEEPEST = 200, 64, 40
"""Characters of a text, and items of a container, that are shown in full; levels of nesting that
are followed."""
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
METHODS = (
    "__call__",
    "__init__",
    "__post_init__",
    "__getitem__",
    "__len__",
    "__iter__",
    "__next__",
)
"""Methods with underscores that decide what an object computes."""
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


class Description:
    """Lines of text by path. An object that is met again is described by the path where it was met
    first.

    ``known`` are objects that have a name of their own, by which they are described: a model's
    parameters.
    """

    def __init__(self, known: Mapping[str, object] | None = None) -> None:
        self.lines: dict[str, str] = {}
        self._met: dict[int, tuple[str, object]] = {
            id(what): (name, what) for name, what in (known or {}).items()
        }

    def add(self, path: str, value: object, depth: int = 0) -> None:
        """Describe a value under a path."""
        if isinstance(value, PLAIN):
            self.lines[path] = short(repr(value))
        elif isinstance(value, Enum):
            self.lines[path] = str(value)
        elif depth > DEEPEST:
            self.lines[path] = f"{UNKNOWN}it is nested too deep"
        elif id(value) in self._met:
            self.lines[path] = f"the same as {self._met[id(value)][0]}"
        else:
            if not isinstance(
                value, (tuple, frozenset, np.generic)
            ):  # equal ones may be one object, or not
                self._met[id(value)] = path, value  # kept, so that no other object gets its number
            self._add(path, value, depth + 1)

    def add_class(self, path: str, kind: type, depth: int = 0) -> None:
        """Describe the class of what is at a path, once, unless it is a library's."""
        if not of_library(kind) and id(kind) not in self._met:
            name = f"class {kind.__name__}"
            self.add(f"{path}: {name}" if name in self.lines else name, kind, depth)

    def _add(self, path: str, value: object, depth: int) -> None:
        match value:
            case np.ndarray() if value.dtype.hasobject:
                self._items(path, value.tolist(), depth)
            case np.ndarray() | np.generic():
                self.lines[path] = of_array(np.asarray(value))
            case np.random.Generator() | np.random.BitGenerator() | np.random.RandomState():
                self.add(path, state_of(value), depth)
            case types.FunctionType():
                self._function(path, value, depth)
            case types.MethodType():
                self.add(path, value.__func__, depth)
                self.add(f"{path} of", value.__self__, depth)
            case functools.partial():
                self._fields(
                    path,
                    "partial",
                    depth,
                    {"of": value.func, "arguments": value.args, **value.keywords},
                )
            case type():
                self._class(path, value, depth)
            case types.ModuleType():
                self.lines[path] = f"module {value.__name__}"
            case re.Pattern() | types.GenericAlias() | types.UnionType():
                self.lines[path] = short(repr(value))
            case types.MappingProxyType():
                self.add(path, dict(value), depth)
            case logging.Logger():
                self.lines[path] = "a logger"
            case property():
                self.add(path, value.fget, depth)
            case staticmethod() | classmethod():
                self.add(path, value.__func__, depth)
            case list() | tuple() | set() | frozenset() | dict() if (
                type(value).__module__ == "builtins"
            ):
                self._items(path, value, depth)
            case _ if isinstance(value, STATELESS):
                self.lines[path] = type(value).__name__
            case _ if hasattr(value, "__wrapped__") and not hasattr(value, "__dict__"):
                self.add(path, value.__wrapped__, depth)
            case (
                types.BuiltinFunctionType()
                | np.ufunc()
                | types.MethodDescriptorType()
                | types.WrapperDescriptorType()
            ):
                self.lines[path] = f"function {getattr(value, '__qualname__', value.__name__)}"
            case _:
                self._object(path, value, depth)

    def _items(self, path: str, value: Any, depth: int) -> None:
        """A container of Python's. A long one is described by a digest of the description of its
        items."""
        if isinstance(value, (set, frozenset)):
            parts = sorted(_alone(item, depth) for item in value)
            named: Iterable[tuple[str, object]] = ((f"[{k}]", part) for k, part in enumerate(parts))
        elif isinstance(value, dict):
            named = ((f"[{_alone(key, depth)}]", item) for key, item in value.items())
        else:
            named = ((f"[{k}]", item) for k, item in enumerate(value))
        kind = f"{type(value).__name__} of {len(value)}"
        if len(value) <= MOST:
            self.lines[path] = kind
            for name, item in named:
                self.add(f"{path}{name}", item, depth)
            return
        inner = Description()
        inner._met = dict(self._met)
        for name, item in named:
            inner.add(name, item, depth)
        unknown = next((line for line in inner.lines.values() if line.startswith(UNKNOWN)), None)
        self.lines[path] = unknown or f"{kind}, {digest(repr(sorted(inner.lines.items())))}"

    def _fields(self, path: str, kind: str, depth: int, fields: Mapping[str, object]) -> None:
        self.lines[path] = kind
        for name, item in fields.items():
            self.add(f"{path} {name}", item, depth)

    def _function(self, path: str, function: types.FunctionType, depth: int) -> None:
        """Its code, what it closes over, its defaults, and the global values that it names."""
        code, ours = function.__code__, not is_library(function.__module__)
        self.lines[path] = f"function {function.__name__}"
        if ours:
            version = f"{sys.version_info[0]}.{sys.version_info[1]}"
            self.lines[f"{path} code"] = f"{digest(code_text(code))} of Python {version}"
        else:
            self.lines[path] = f"function {library_name(function)}"
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                self.add(f"{path} {name}", contents(cell), depth)
        for name, item in (
            ("defaults", function.__defaults__),
            ("keywords", function.__kwdefaults__),
        ):
            if item:
                self.add(f"{path} {name}", item, depth)
        for name in sorted(global_names(code)) if ours else ():
            if name in function.__globals__:
                self.add(f"{path} {name}", function.__globals__[name], depth)

    def _class(self, path: str, kind: type, depth: int) -> None:
        """A library's class by its name; others by their methods and values too, including
        inherited ones.
        """
        if of_library(kind):
            self.lines[path] = f"class {library_name(kind)}"
            return
        self.lines[path] = f"class {kind.__name__}"
        for base in kind.__mro__:
            place = path if base is kind else f"{path} {base.__name__}"
            for name, item in () if of_library(base) else sorted(vars(base).items()):
                slot = isinstance(item, (types.MemberDescriptorType, types.GetSetDescriptorType))
                if not slot and (name in METHODS or not name.startswith(("__", "_abc_"))):
                    self.add(f"{place} {name}", item, depth)

    def _object(self, path: str, value: object, depth: int) -> None:
        """The class and the state of any other object: its attributes, or what it is pickled by."""
        kind = type(value)
        self.add_class(path, kind, depth)
        attributes = attributes_of(value)
        try:
            if attributes is None or isinstance(value, (dict, list, tuple, set, frozenset)):
                attributes = dict(enumerate(reduced(value), 1))
        except Exception:  # whatever its own __reduce__ raises
            self.lines[path] = f"{UNKNOWN}it is a {kind.__name__}"
            return
        self._fields(
            path, kind.__name__, depth, {str(name): item for name, item in attributes.items()}
        )


def _alone(value: object, depth: int) -> str:
    """One line for a value: the value if it is plain, else a digest of its description."""
    inner = Description()
    inner.add("", value, depth)
    return inner.lines[""] if len(inner.lines) == 1 else digest(repr(sorted(inner.lines.items())))
