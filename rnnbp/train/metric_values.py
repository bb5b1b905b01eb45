"""The values that metrics average, step by step or element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.losses.calls import other_axes
from rnnbp.numerics import Array, DtypeError, ShapeError
from rnnbp.support.tracebacks import CALLED_AS

# Any: a target that the function need not expect to be None; what it returns is checked
MetricFunction: TypeAlias = Callable[[Array, Any], object]
"""(y, target) -> values, per step (T, B) or per element, y's shape."""
Values: TypeAlias = Callable[[Array, Array | None], Array]
AXES = 2
"""Axes before the features: steps and sequences."""
HALF = 0.5
PAIR = 2


@dataclass(frozen=True, slots=True)
class Own:
    """A function of the user's, whose values are checked."""

    name: str
    function: MetricFunction

    def __call__(self, y: Array, target: Array | None) -> Array:
        cure = other_axes(y, target)
        try:
            given = self.function(_read_only(y), None if target is None else _read_only(target))
        except Exception as error:  # whatever the user's code raises
            error.add_note(
                f"in metric {self.name}, {CALLED_AS}y, target), which returns the values of each "
                f"step or element, with read-only arrays: y {y.shape}, target "
                f"{None if target is None else target.shape}{cure and '; '}{cure}"
            )
            raise
        if isinstance(given, tuple) and len(given) == PAIR and np.ndim(given[0]) == 0:
            raise ShapeError(
                f"metric {self.name} returned a number and another value, as a loss returns "
                "(value, dy); return the values of each step alone, or give the loss to "
                "evaluate(model, source, loss)"
            )
        found = plain(f"metric {self.name}", given)
        broadcast = bool(cure) and found.shape not in (y.shape, y.shape[:AXES])
        if found.shape[:AXES] != y.shape[:AXES] or broadcast or found.dtype.kind not in "biuf":
            raise ShapeError(
                f"metric {self.name} returned {found.dtype} of shape {found.shape} for y of shape "
                f"{y.shape}: return the values of each step {y.shape[:AXES]}, or of each element; "
                f"they are averaged afterwards, by the mask{cure and '; '}{cure}"
            )
        return found


def _read_only(array: Array) -> Array:
    view = array.view()
    view.setflags(write=False)
    return view


def squares(y: Array, target: Array | None) -> Array:
    d = y - _like("mse", y, target)
    found: Array = d * d
    return found


def differences(y: Array, target: Array | None) -> Array:
    found: Array = np.abs(y - _like("mae", y, target))
    return found


def _like(name: str, y: Array, target: Array | None) -> Array:
    t = _there(name, target)
    if t.shape != y.shape:
        raise ShapeError(
            f"metric {name}: target must have y's shape, {y.shape[AXES:]} at each step, found "
            f"{t.shape[AXES:]}{_of_one(name, y, t)}"
        )
    return t


def _of_one(name: str, y: Array, t: Array) -> str:
    """The cure for a target that all of several outputs are of, as quantiles; "" for others."""
    if t.shape != (*y.shape[:-1], 1):
        return ""
    k = y.shape[-1] // 2
    value = f"abs(y[..., {k}:{k + 1}] - t)" if name == "mae" else f"(y[..., {k}:{k + 1}] - t) ** 2"
    return f"; for output {k} alone give metrics={{{name!r}: lambda y, t: {value}}}"


def _there(name: str, target: Array | None) -> Array:
    if target is None:
        raise TypeError(f"metric {name} compares with a target, found None; give the source one")
    return target


@dataclass(frozen=True, slots=True)
class Accuracy:
    """1 if the largest output is that of the class; for one output, if it is on the right side.

    The threshold is 0 for ``logits``, as ``BinaryCrossEntropy`` takes them, else ½. ``numbers`` is
    True where the loss is one of real numbers, so that a target may be anything.
    """

    logits: bool
    numbers: bool = False

    def __call__(self, y: Array, target: Array | None) -> Array:
        t = _there("accuracy", target)
        single = y.ndim == AXES or y.shape[-1] == 1
        if self.numbers and t.shape == y.shape:
            _check_classes(t)
        if t.shape == y.shape and (self.logits or single):
            return np.asarray((y > (0.0 if self.logits else HALF)) == (t > HALF))
        if t.shape == y.shape:  # one-hot
            return np.asarray(y.argmax(axis=-1) == t.argmax(axis=-1))
        if t.shape != y.shape[:-1] or single:
            raise ShapeError(
                f"metric accuracy: for y of shape {y.shape} target must be class numbers "
                f"{y.shape[:-1]}, of more than one class, or of y's shape, found {t.shape}; give a "
                "function (y, target) -> values"
            )
        if t.dtype.kind not in "iub":
            raise DtypeError(
                f"metric accuracy: class numbers must be integers, found {t.dtype}; use astype(int)"
            )
        return np.asarray(y.argmax(axis=-1) == t)


def _check_classes(t: Array) -> None:
    """Raise ValueError for a target of y's shape that is not of classes: most of it are fractions.

    Steps that the mask leaves out may have any value.
    """
    others = (t != np.rint(t)) & np.isfinite(t)
    if 2 * np.count_nonzero(others) > t.size:
        raise ValueError(
            f"metric accuracy: it is for classes, as 0 or 1 in each output, and the target has "
            f"{t[others][0]:.4g}; of numbers take 'mae' or 'mse'"
        )
