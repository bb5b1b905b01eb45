"""Metrics: means over a whole source of what is looked at step by step, as accuracy, by the mask's weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from rnnbp.arrays import plain
from rnnbp.losses import BinaryCrossEntropy
from rnnbp.nearest import nearest
from rnnbp.numerics import Array, DtypeError, ShapeError, shown

MetricFunction: TypeAlias = Callable[[Any, Any], Any]
"""(y, target) -> values, per step (T, B) or per element, y's shape."""
MetricsLike: TypeAlias = str | Sequence[str | MetricFunction] | Mapping[str, str | MetricFunction]
Values: TypeAlias = Callable[[Array, Array | None], Array]


AXES = 2
"""Axes before the features: steps and sequences."""
HALF = 0.5
TAKEN = ("step", "epoch", "loss", "grad_norm", "lr", "seconds", "weight", "validation", "skipped", "nonfinite")
"""Names in a line of metrics."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, and the function whose values are averaged."""

    name: str
    values: Values


class Averages:
    """Means of metrics over all that they are shown, chunk by chunk."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self.metrics = metrics
        self._sums, self._weights = [0.0] * len(metrics), [0.0] * len(metrics)

    def see(self, y: Array, target: Array | None, mask: Array | None) -> None:
        """Take a chunk: y (L, B, ...), target (L, B, ...) or None, mask (L, B) or None."""
        for k, metric in enumerate(self.metrics):
            values = metric.values(y, target)
            rows = values.reshape(-1, values.size // (y.shape[0] * y.shape[1]))
            sums = rows.sum(axis=1, dtype=np.float64)
            weights = np.ones(len(sums)) if mask is None else np.asarray(mask, np.float64).reshape(-1)
            sums[weights == 0] = 0  # they may be NaN
            self._sums[k] += float(sums @ weights)
            self._weights[k] += float(weights.sum()) * rows.shape[1]

    def values(self, prefix: str = "") -> dict[str, float]:
        """The means by name; none where nothing had weight."""
        found = zip(self.metrics, self._sums, self._weights, strict=True)
        return {f"{prefix}{metric.name}": total / weight for metric, total, weight in found if weight > 0}


def in_json(found: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as a line of JSON has them, which knows no NaN."""
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def as_metrics(what: str, given: MetricsLike, loss: object) -> tuple[Metric, ...]:
    """Metrics by name, or functions of one's own. Raises TypeError or ValueError for what is none.

    Args:
        what: the argument, for errors.
        loss: tells whether y is logits, as of BinaryCrossEntropy.
    """
    pairs: list[tuple[str, Any]]
    if isinstance(given, Mapping):
        pairs = [*given.items()]
    elif isinstance(given, (list, tuple)):
        pairs = [("", metric) for metric in given]
    else:
        pairs = [("", given)]
    found = tuple(_metric(what, name, metric, loss) for name, metric in pairs)
    names = [metric.name for metric in found]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"{what}: two are called {repeated!r}; give a dict of names and functions")
    return found


def _metric(what: str, name: object, given: object, loss: object) -> Metric:
    if isinstance(given, str):
        known: dict[str, Values] = {"accuracy": Accuracy(_is_of_logits(loss)), "mse": _squares, "mae": _differences}
        if given not in known:
            cure = f"did you mean {near!r}?" if (near := nearest(given, known)) else f"they are {', '.join(known)}"
            raise ValueError(f"{what}: no metric is called {given!r}; {cure} Or give a function (y, target) -> values")
        return Metric(_free(what, name or given), known[given])
    if isinstance(given, type) or not callable(given):
        raise TypeError(f"{what}: a metric is a name or a function (y, target) -> values, found {shown(given)}")
    called = _free(what, name or getattr(given, "__name__", type(given).__name__))
    return Metric(called, Own(called, given))


def _free(what: str, name: object) -> str:
    """A name that a line of metrics does not have already. Raises ValueError for others."""
    if not isinstance(name, str) or name in TAKEN:
        raise ValueError(f"{what}: a metric cannot be called {name!r}; give a dict of other names and functions")
    return name


@dataclass(frozen=True, slots=True)
class Own:
    """A function of the user's, whose values are checked."""

    name: str
    function: MetricFunction

    def __call__(self, y: Array, target: Array | None) -> Array:
        given = self.function(_read_only(y), None if target is None else _read_only(target))
        found = plain(f"metric {self.name}", given)
        if found.shape[:AXES] != y.shape[:AXES] or found.dtype.kind not in "biuf":
            raise ShapeError(
                f"metric {self.name} returned {found.dtype} of shape {found.shape} for y of shape {y.shape}: return "
                f"the values of each step {y.shape[:AXES]}, or of each element; they are averaged afterwards, by the "
                f"mask"
            )
        return found


def _read_only(array: Array) -> Array:
    view = array.view()
    view.setflags(write=False)
    return view


def _squares(y: Array, target: Array | None) -> Array:
    d = y - _like("mse", y, target)
    found: Array = d * d
    return found


def _differences(y: Array, target: Array | None) -> Array:
    found: Array = np.abs(y - _like("mae", y, target))
    return found


def _like(name: str, y: Array, target: Array | None) -> Array:
    t = _there(name, target)
    if t.shape != y.shape:
        raise ShapeError(f"metric {name}: target must have y's shape {y.shape}, found {t.shape}")
    return t


def _there(name: str, target: Array | None) -> Array:
    if target is None:
        raise TypeError(f"metric {name} compares with a target, found None; give the source one")
    return target


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Whether the largest output is that of the class; of one output, whether it is on the right side.

    That side is 0 for ``logits``, as ``BinaryCrossEntropy`` takes them, and ½ else.
    """

    logits: bool

    def __call__(self, y: Array, target: Array | None) -> Array:
        t = _there("accuracy", target)
        single = y.ndim == AXES or y.shape[-1] == 1
        if t.shape == y.shape and (self.logits or single):
            return np.asarray((y > (0.0 if self.logits else HALF)) == (t > HALF))
        if t.shape == y.shape:  # one-hot
            return np.asarray(y.argmax(axis=-1) == t.argmax(axis=-1))
        if t.shape != y.shape[:-1] or single:
            raise ShapeError(
                f"metric accuracy: for y of shape {y.shape} target must be class numbers {y.shape[:-1]}, of more "
                f"than one class, or of y's shape, found {t.shape}; give a function (y, target) -> values"
            )
        if t.dtype.kind not in "iub":
            raise DtypeError(f"metric accuracy: class numbers must be integers, found {t.dtype}; use astype(int)")
        return np.asarray(y.argmax(axis=-1) == t)


def _is_of_logits(loss: object) -> bool:
    return isinstance(loss, BinaryCrossEntropy)
