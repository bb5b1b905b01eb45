"""Results as flat dicts of texts and integers, which can be compared line by line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, fields, is_dataclass
from typing import Any, TypeAlias

import numpy as np

Found: TypeAlias = dict[str, str | int]

MEASURED = {"seconds"}
"""Fields of results that differ from run to run."""


def of_array(array: Any) -> str:
    """The dtype, the shape, and a digest of the bytes in C order."""
    a = np.asarray(array)
    code = hashlib.sha256(np.ascontiguousarray(a).tobytes()).hexdigest()[:20]
    return f"{a.dtype.str} {'x'.join(map(str, a.shape)) or 'scalar'} {code}"


def of_actions(actions: Iterable[Any]) -> str:
    """The number of actions, and a digest of their kinds and fields."""
    lines = [f"{type(action).__name__} {astuple(action)}" for action in actions]
    code = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:20]
    return f"{len(lines)} actions {code}"


def flat(name: str, value: Any) -> Found:
    """All that a value holds, by a path of names."""
    return dict(_lines(name, value))


def _lines(name: str, value: Any) -> Iterator[tuple[str, str | int]]:
    match value:
        case None | bool() | str():
            yield name, str(value)
        case int():
            yield name, value
        case float():
            yield name, value.hex()
        case np.ndarray() | np.generic():
            yield name, of_array(value)
        case Mapping():
            yield from _each(name, value.items())
        case tuple() | list():
            yield from _each(name, enumerate(value))
        case _ if is_dataclass(value):
            parts = [part.name for part in fields(value) if part.name not in MEASURED]
            yield from _each(name, ((part, getattr(value, part)) for part in parts))
        case _:
            raise TypeError(f"{name} is a {type(value).__name__}, which has no digest")


def _each(name: str, items: Iterable[tuple[Any, Any]]) -> Iterator[tuple[str, str | int]]:
    for key, value in items:
        yield from _lines(f"{name}.{key}" if name else str(key), value)
