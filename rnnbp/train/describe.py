"""What an object is, as text that another process can compare: settings, arrays, closures, code, nested objects.

Two descriptions are equal where what is described computes the same, as far as its state and code can tell; what
they cannot tell begins with ``UNKNOWN``.
"""

from __future__ import annotations

import copyreg
import dis
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

UNKNOWN = "cannot be compared: "
LIBRARIES = frozenset({*sys.stdlib_module_names, "rnnbp"})
INSTALLED = ("site-packages", "dist-packages")
"""Folders of libraries, whose code is known by its version."""
LONGEST, MOST, DEEPEST = 200, 64, 40
"""Characters of a text, and items of a container, that are shown in full; levels of nesting that are followed."""
PLAIN = (types.NoneType, bool, int, float, complex, str, bytes, np.dtype, range, slice, type(Ellipsis))
METHODS = ("__call__", "__init__", "__post_init__", "__getitem__", "__len__", "__iter__", "__next__")
"""Methods with underscores that decide what an object computes."""
COMPILED = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType, np.ufunc)
STATELESS: tuple[type, ...] = (type(threading.Lock()), type(threading.RLock()), threading.Event, threading.Condition)


def digest(text: str | bytes) -> str:
    """The beginning of the sha256."""
    return hashlib.sha256(text.encode(errors="surrogatepass") if isinstance(text, str) else text).hexdigest()[:16]


def short(text: str) -> str:
    """The text, or where it is long its beginning and a digest."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}… ({len(text)} characters, {digest(text)})"


def of_array(array: Array) -> str:
    """dtype, shape and values, where they are few, or else their digest."""
    kind = f"{array.dtype}{list(array.shape)}"
    if array.size <= 8:
        return f"{kind} {array.tolist()}"
    return f"{kind} {digest(np.ascontiguousarray(array).tobytes())}"


class Description:
    """Lines of text by path. An object that is met again is described by the path where it was met first.

    ``known`` are objects that have a name of their own, by which they are described: a model's parameters.
    """

    def __init__(self, known: Mapping[str, object] | None = None) -> None:
        self.lines: dict[str, str] = {}
        self._met: dict[int, tuple[str, object]] = {id(what): (name, what) for name, what in (known or {}).items()}

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
            if not isinstance(value, (tuple, frozenset, np.generic)):  # equal ones may be one object, or not
                self._met[id(value)] = path, value  # kept, so that no other object gets its number
            self._add(path, value, depth + 1)

    def add_class(self, path: str, kind: type, depth: int = 0) -> None:
        """Describe the class of what is at a path, once, unless it is a library's."""
        if not _of_library(kind) and id(kind) not in self._met:
            name = f"class {kind.__name__}"
            self.add(f"{path}: {name}" if name in self.lines else name, kind, depth)

    def _add(self, path: str, value: object, depth: int) -> None:
        match value:
            case np.ndarray() if value.dtype.hasobject:
                self._items(path, value.tolist(), depth)
            case np.ndarray() | np.generic():
                self.lines[path] = of_array(np.asarray(value))
            case np.random.Generator() | np.random.BitGenerator() | np.random.RandomState():
                self.add(path, _state_of(value), depth)
            case types.FunctionType():
                self._function(path, value, depth)
            case types.MethodType():
                self.add(path, value.__func__, depth)
                self.add(f"{path} of", value.__self__, depth)
            case functools.partial():
                self._fields(path, "partial", depth, {"of": value.func, "arguments": value.args, **value.keywords})
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
            case list() | tuple() | set() | frozenset() | dict() if type(value).__module__ == "builtins":
                self._items(path, value, depth)
            case _ if isinstance(value, STATELESS):
                self.lines[path] = type(value).__name__
            case _ if hasattr(value, "__wrapped__") and not hasattr(value, "__dict__"):
                self.add(path, value.__wrapped__, depth)
            case (
                types.BuiltinFunctionType() | np.ufunc() | types.MethodDescriptorType() | types.WrapperDescriptorType()
            ):
                self.lines[path] = f"function {getattr(value, '__qualname__', value.__name__)}"
            case _:
                self._object(path, value, depth)

    def _items(self, path: str, value: Any, depth: int) -> None:
        """A container of Python's. A long one is described by a digest of the description of its items."""
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
        code, ours = function.__code__, not _is_library(function.__module__)
        self.lines[path] = f"function {function.__name__}"
        if ours:
            self.lines[f"{path} code"] = f"{digest(_code(code))} of Python {sys.version_info[0]}.{sys.version_info[1]}"
        else:
            self.lines[path] = f"function {_library_name(function)}"
        for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
            if name != "__class__":
                self.add(f"{path} {name}", _contents(cell), depth)
        for name, item in (("defaults", function.__defaults__), ("keywords", function.__kwdefaults__)):
            if item:
                self.add(f"{path} {name}", item, depth)
        for name in sorted(_names(code)) if ours else ():
            if name in function.__globals__:
                self.add(f"{path} {name}", function.__globals__[name], depth)

    def _class(self, path: str, kind: type, depth: int) -> None:
        """A library's class by its name, another by its methods and values too, those that it inherits included."""
        if _of_library(kind):
            self.lines[path] = f"class {_library_name(kind)}"
            return
        self.lines[path] = f"class {kind.__name__}"
        for base in kind.__mro__:
            place = path if base is kind else f"{path} {base.__name__}"
            for name, item in () if _of_library(base) else sorted(vars(base).items()):
                slot = isinstance(item, (types.MemberDescriptorType, types.GetSetDescriptorType))
                if not slot and (name in METHODS or not name.startswith(("__", "_abc_"))):
                    self.add(f"{place} {name}", item, depth)

    def _object(self, path: str, value: object, depth: int) -> None:
        """The class and the state of any other object: its attributes; without some, what it is pickled by."""
        kind = type(value)
        self.add_class(path, kind, depth)
        attributes = attributes_of(value)
        try:
            if attributes is None or isinstance(value, (dict, list, tuple, set, frozenset)):
                attributes = dict(enumerate(_reduced(value), 1))
        except Exception:  # whatever its own __reduce__ raises
            self.lines[path] = f"{UNKNOWN}it is a {kind.__name__}"
            return
        self._fields(path, kind.__name__, depth, {str(name): item for name, item in attributes.items()})


def attributes_of(value: object) -> dict[Any, object] | None:
    """What an object holds under names, caches of properties apart; None for one of a C library."""
    kind = type(value)
    slots = [s for base in kind.__mro__ for s in _slots(base) if hasattr(value, s)]
    own: Mapping[str, object] | None = getattr(value, "__dict__", None)
    if own is None and not slots:
        return None
    found: dict[Any, object] = {slot: getattr(value, slot) for slot in slots}
    for name, item in (own or {}).items():
        if not isinstance(getattr(kind, name, None), functools.cached_property):
            found[name] = item
    return found


def _slots(kind: type) -> tuple[str, ...]:
    found = vars(kind).get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _reduced(value: object) -> list[object]:
    """What an object of a C library is made anew from. Raises TypeError where it cannot be."""
    found = value.__reduce_ex__(4)
    if isinstance(found, str):
        return [found]
    maker, args, *rest = found
    parts = [part if part is None or isinstance(part, (dict, tuple, list)) else list(part) for part in rest[:3]]
    parts += rest[3:]
    known = maker in (copyreg.__newobj__, getattr(copyreg, "_reconstructor", None))  # type: ignore[attr-defined]
    return [None if known else maker, *args, *parts]


def _state_of(value: np.random.Generator | np.random.BitGenerator | np.random.RandomState) -> object:
    if isinstance(value, np.random.RandomState):
        return value.get_state(legacy=False)
    return value.bit_generator.state if isinstance(value, np.random.Generator) else value.state


def _contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "not set yet"


def _alone(value: object, depth: int) -> str:
    """One line for a value: itself where it is plain, else a digest of its description."""
    inner = Description()
    inner.add("", value, depth)
    return inner.lines[""] if len(inner.lines) == 1 else digest(repr(sorted(inner.lines.items())))


@functools.lru_cache(256)
def _is_library(module: str | None) -> bool:
    root = (module or "").split(".")[0]
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return root in LIBRARIES or any(folder in file for folder in INSTALLED)


def _of_library(kind: type) -> bool:
    """Whether a class is a library's; ``type(name, bases, ...)`` gives one that abc's metaclass made the module abc."""
    name = kind.__qualname__.split(".")[0]
    return _is_library(kind.__module__) and (
        "<locals>" in kind.__qualname__ or hasattr(sys.modules.get(kind.__module__), name)
    )


def _library_name(what: type | types.FunctionType) -> str:
    """Module, name and the library's version."""
    root = (what.__module__ or "").split(".")[0]
    version = "" if root in LIBRARIES else getattr(sys.modules.get(root), "__version__", "")
    return f"{what.__module__}.{what.__qualname__} {version}".strip()


def _code(code: types.CodeType) -> str:
    """What a function does: no names of files, no numbers of lines."""
    values = code.co_consts[1:] if _documented(code) else code.co_consts
    constants = [_code(c) if isinstance(c, types.CodeType) else _constant(c) for c in values]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    return repr((code.co_code.hex(), constants, names, counts))


def _documented(code: types.CodeType) -> bool:
    """Whether the first constant is a docstring: until Python 3.13 a text there is nothing else in a ``def``."""
    if sys.version_info >= (3, 13) and not code.co_flags & 0x4000000:  # CO_HAS_DOCSTRING
        return False
    return not code.co_name.startswith("<") and isinstance(next(iter(code.co_consts), None), str)


def _constant(value: object) -> str:
    return repr(sorted(map(repr, value))) if isinstance(value, frozenset) else f"{type(value).__name__} {value!r}"


def _names(code: types.CodeType) -> set[str]:
    """The global names that a function or one within it reads; ``co_names`` holds those of attributes too."""
    inner = (_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    found = {str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found.union(*inner)
