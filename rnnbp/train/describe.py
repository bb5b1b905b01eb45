"""What an object is, as text that another process can compare.

Two descriptions are equal where what is described computes the same, as far as its state and code
can tell; what they cannot tell begins with ``UNKNOWN``.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterable, Mapping, Sequence, Set
from enum import Enum
from typing import TypeAlias

import numpy as np

from rnnbp.train.attributes import attributes_of, contents, reduced
from rnnbp.train.bytecode import code_text, global_names, is_library, library_name, of_library
from rnnbp.train.described_values import (
    INSTEAD,
    PLAIN,
    UNKNOWN,
    digest,
    in_one_line,
    instead_of,
    name_of_compiled,
    short,
)

MOST, DEEPEST = 64, 40
"""Items of a container that are shown in full; levels of nesting that are followed."""
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


Container: TypeAlias = Sequence[object] | Set[object] | Mapping[object, object]


class Description:
    """Lines of text by path; an object that is met again is described by its first path.

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
            # of these, equal ones may be one object, or not
            if not isinstance(value, (tuple, frozenset, np.generic)):
                self._met[id(value)] = path, value  # kept, so that no other object gets its number
            self._add(path, value, depth + 1)

    def add_class(self, path: str, kind: type, depth: int = 0) -> None:
        """Describe the class of what is at a path, once, unless it is a library's."""
        if not of_library(kind) and id(kind) not in self._met:
            name = f"class {kind.__name__}"
            self.add(f"{path}: {name}" if name in self.lines else name, kind, depth)

    def _add(self, path: str, value: object, depth: int) -> None:
        if (line := in_one_line(value)) is not None:
            self.lines[path] = line
            return
        match value:
            case _ if isinstance(value, INSTEAD):
                self.add(path, instead_of(value), depth)
            case np.ndarray():  # of objects
                self._items(path, value.tolist(), depth)
            case types.FunctionType():
                self._function(path, value, depth)
            case types.MethodType():
                self.add(path, value.__func__, depth)
                self.add(f"{path} of", value.__self__, depth)
            case functools.partial():
                parts = {"of": value.func, "arguments": value.args, **value.keywords}
                self._fields(path, "partial", depth, parts)
            case type():
                self._class(path, value, depth)
            case list() | tuple() | set() | frozenset() | dict() if _is_plain(value):
                self._items(path, value, depth)
            case _ if hasattr(value, "__wrapped__") and not hasattr(value, "__dict__"):
                self.add(path, value.__wrapped__, depth)
            case _ if (name := name_of_compiled(value)) is not None:
                self.lines[path] = f"function {name}"
            case _:
                self._object(path, value, depth)

    def _items(self, path: str, value: Container, depth: int) -> None:
        """A container of Python's; of a long one a digest of the description of its items."""
        if isinstance(value, Set):
            parts = sorted(_alone(item, depth) for item in value)
            named: Iterable[tuple[str, object]] = ((f"[{k}]", part) for k, part in enumerate(parts))
        elif isinstance(value, Mapping):
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
        if function.__defaults__:
            self.add(f"{path} defaults", function.__defaults__, depth)
        if function.__kwdefaults__:
            self.add(f"{path} keywords", function.__kwdefaults__, depth)
        for name in sorted(global_names(code)) if ours else ():
            if name in function.__globals__:
                self.add(f"{path} {name}", function.__globals__[name], depth)

    def _class(self, path: str, kind: type, depth: int) -> None:
        """A library's class by its name; others by their methods and values, inherited ones too."""
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
        fields = {str(name): item for name, item in attributes.items()}
        self._fields(path, kind.__name__, depth, fields)


def _is_plain(value: object) -> bool:
    """True for a container of Python's own class."""
    return type(value).__module__ == "builtins"


def _alone(value: object, depth: int) -> str:
    """One line for a value: the value if it is plain, else a digest of its description."""
    inner = Description()
    inner.add("", value, depth)
    return inner.lines[""] if len(inner.lines) == 1 else digest(repr(sorted(inner.lines.items())))
