"""The contents of an object: its attributes, or what it is pickled by."""

from __future__ import annotations

import copyreg
import functools
import types
from collections.abc import Mapping

import numpy as np

from rnnbp.layers.params import LayerParams

MAKERS = [vars(copyreg).get(name) for name in ("__newobj__", "_reconstructor")]
"""The functions by which pickle makes objects of any class."""


def attributes_of(value: object) -> dict[object, object] | None:
    """The attributes of an object, without cached properties; None for one of a C library."""
    kind = type(value)
    slots = [s for base in kind.__mro__ for s in _slots(base) if hasattr(value, s)]
    own: Mapping[str, object] | None = getattr(value, "__dict__", None)
    if own is None and not slots:
        return None
    found: dict[object, object] = {slot: getattr(value, slot) for slot in slots}
    for name, item in (own or {}).items():
        if not isinstance(getattr(kind, name, None), functools.cached_property):
            found[name] = item
    return found


def _slots(kind: type) -> tuple[str, ...]:
    found = vars(kind).get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def reduced(value: object) -> list[object]:
    """What an object of a C library is rebuilt from. Raises TypeError if it cannot be pickled."""
    plain = isinstance(value, LayerParams)  # its own way is for picklers
    found = object.__reduce_ex__(value, 4) if plain else value.__reduce_ex__(4)
    if isinstance(found, str):
        return [found]
    maker, args, *rest = found
    parts = [
        part if part is None or isinstance(part, (dict, tuple, list)) else list(part)
        for part in rest[:3]
    ]
    parts += rest[3:]
    return [None if maker in MAKERS else maker, *args, *parts]


def state_of(value: np.random.Generator | np.random.BitGenerator | np.random.RandomState) -> object:
    if isinstance(value, np.random.RandomState):
        return value.get_state(legacy=False)
    return value.bit_generator.state if isinstance(value, np.random.Generator) else value.state


def contents(cell: types.CellType) -> object:
    try:
        return cell.cell_contents
    except ValueError:
        return "not set yet"
