"""Attributes of estimators as what a file of a model can hold, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass

import numpy as np

from rnnbp.estimators.frame import Frame
from rnnbp.estimators.targets import Scale
from rnnbp.estimators.time_series import TimeSeries
from rnnbp.train import History
from rnnbp.train.best import Best
from rnnbp.train.named_figures import HistoryFigures

OBJECTS: dict[str, Callable[..., object]] = {
    kind.__name__: kind for kind in (Best, Frame, History, Scale, TimeSeries)
}
OBJECT, ITEMS, TEXTS, FLOATS = "object", "items", "texts", "floats"
"""Keys of dicts that stand for what is no JSON."""


def packed(value: object) -> object:
    """A value of numbers, texts, tuples, lists, dicts with texts as keys, and arrays of numbers.

    What is none of these, and is not known here, is left as it is: a file refuses it by name.
    """
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OU":
        return {TEXTS: tuple(value.tolist()), "kind": value.dtype.kind}
    if is_dataclass(value) and type(value).__name__ in OBJECTS:
        own = {field.name: packed(getattr(value, field.name)) for field in fields(value)}
        return {OBJECT: type(value).__name__, "fields": own}
    if isinstance(value, Mapping):
        return {ITEMS: tuple((packed(key), packed(each)) for key, each in value.items())}
    if isinstance(value, list) and value and all(isinstance(each, float) for each in value):
        return {FLOATS: np.array(value)}  # NaN is no JSON
    if isinstance(value, list | tuple) and type(value) in (list, tuple):  # none with names
        return type(value)(map(packed, value))
    return value


def unpacked(value: object) -> object:
    """The inverse. Raises ValueError, KeyError or TypeError for what ``packed`` does not return."""
    if isinstance(value, list | tuple):
        return type(value)(map(unpacked, value))
    if not isinstance(value, dict):
        return value
    match value:
        case {"texts": tuple(texts), "kind": kind}:
            return np.array(texts, object if kind == "O" else None)
        case {"items": tuple(items)}:
            return {unpacked(key): unpacked(each) for key, each in items}
        case {"floats": np.ndarray() as numbers}:
            return [float(each) for each in numbers]
        case {"object": str(name), "fields": dict(own)}:
            return _object(name, {key: unpacked(each) for key, each in own.items()})
    raise ValueError(f"a value has the keys {list(value)}")


def _object(name: str, own: dict[str, object]) -> object:
    if name == History.__name__ and isinstance(own["metrics"], dict):
        own["metrics"] = HistoryFigures(own["metrics"])
    return OBJECTS[name](**own)  # which raises TypeError for fields that it does not have
