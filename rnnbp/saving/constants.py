"""Options of layers as JSON, and back: numbers, texts, tuples, lists, dicts, arrays."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from rnnbp.numerics import Array, shown
from rnnbp.storage import JSON

DEPTH = 50
"""Lists, tuples and dicts inside one another, in an option."""
PLAIN = (bool, int, str, type(None))
NAME = "rnnbp.constant.{}"
"""The name of an array that is no parameter, as a tensor of a file."""


class Constants:
    """Arrays that are options of layers, under names that no parameter has.

    Args:
        taken: names of parameters.
    """

    def __init__(self, taken: Collection[str]) -> None:
        self.arrays = dict[str, Array]()
        self._taken = taken

    def add(self, array: Array) -> int:
        """The number of an array, the last now."""
        name = NAME.format(len(self.arrays))
        while name in self._taken:
            name += "_"
        self.arrays[name] = array
        return len(self.arrays) - 1


def encoded(place: str, value: object, constants: Constants, depth: int = 0) -> JSON:
    """An option as JSON: a tuple is a list, what else is no number, text or None a dict of one.

    Raises ValueError, which begins with ``place``, for what a file cannot hold.
    """
    if type(value) in PLAIN or (type(value) is float and math.isfinite(value)):
        return value  # type: ignore[return-value]  # one of these types
    if type(value) in (tuple, list, dict) and depth < DEPTH:
        assert isinstance(value, tuple | list | dict)
        items = value.values() if isinstance(value, dict) else value
        inner = [encoded(place, each, constants, depth + 1) for each in items]
        if isinstance(value, dict) and all(type(key) is str for key in value):
            return {"dict": dict(zip(value, inner, strict=True))}
        if not isinstance(value, dict):
            return inner if isinstance(value, tuple) else {"list": inner}
    if type(value) is np.ndarray and value.dtype.kind in "biuf" and value.itemsize <= 8:
        return {"array": constants.add(value)}
    raise ValueError(
        f"{place} is {shown(value)}, of type {type(value).__name__}; a file holds finite numbers, "
        "bool, str, None, tuples, lists and dicts of them, and arrays of numbers"
    )


def decoded(value: JSON, constants: Sequence[Array]) -> object:
    """The inverse. Raises ValueError for JSON that ``encoded`` does not return."""
    if isinstance(value, list):
        return tuple([decoded(each, constants) for each in value])
    if not isinstance(value, dict):
        return value
    match list(value.items()):
        case [("array", int(k))] if not isinstance(k, bool) and 0 <= k < len(constants):
            return constants[k]
        case [("list", list(items))]:
            return [decoded(each, constants) for each in items]
        case [("dict", dict(named))]:
            return {key: decoded(each, constants) for key, each in named.items()}
    raise ValueError(f"an option is {shown(value)}")
