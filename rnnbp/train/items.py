"""Items of iterables as batches: (x, target), (x, target, mask) or a Batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.inputs.given import InputsOf, SeriesLike
from rnnbp.inputs.passed import Form, parts_of
from rnnbp.numerics import Array, Shape, ShapeError, flag, shown
from rnnbp.train.item_outputs import NO_MODEL, Outputs, has_row, is_row
from rnnbp.train.item_targets import Placing, of_static
from rnnbp.train.last import lengths_of
from rnnbp.train.several_given import Static, named_static, static_numbers
from rnnbp.train.source import Batch, is_batch, time_first

TURN, TURNED = "batch-first: say batch_first=True", "time-first: leave batch_first out"
"""What to do where x was taken as time-first, or as batch-first."""
TARGET = "target"
"""What ``static`` calls the only target, where it has one value for each sequence."""
MOST = 3
"""Parts of an item: x, target, mask."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of items: batch-first or time-first; a target for each step or for the last.

    ``static`` names inputs, and targets too; ``outputs`` are those of the model, once it is known.
    """

    batch_first: bool
    last: bool
    static: Static = None
    outputs: Outputs = NO_MODEL

    def batch(self, item: object, *, fresh: bool, targets: bool = True) -> Batch:
        """An item as a Batch; a Batch is returned as it is.

        Without ``targets`` they are ignored, and an item may be x alone. Raises TypeError or
        ShapeError for other items.
        """
        if is_batch(item):
            return item
        if not targets and (hasattr(item, "shape") or isinstance(item, dict)):
            item = (item,)
        if not isinstance(item, (tuple, list)) or not 1 <= len(item) <= MOST:
            raise TypeError(_no_item(item, targets=targets))
        x, target, mask = (*item, None, None)[:MOST]
        target = target if targets else None
        _check_label(x, target, batch_first=self.batch_first)
        if self.batch_first or self.last or has_row(self.outputs.keyed(mask).values()):
            return self._turned(x, target, mask, fresh)
        if "" not in self._of_each(x, target):
            _check_steps(x, target, known=self.outputs.known)
        return Batch(_inputs(x), self._each("target", target), self._each("mask", mask), fresh)

    def _each(self, name: str, given: SeriesLike) -> SeriesLike:
        """A target or mask of an item, for each output, as ``bptt`` takes it."""
        found = {k: _given(_at(name, k), a) for k, a in self.outputs.keyed(given).items()}
        return self.outputs.form(given, found)

    def _x(self, x: object, target: SeriesLike) -> tuple[list[Shape], InputsOf]:
        """((B, T) of each series, the inputs with time first)."""
        if not isinstance(x, tuple | dict):
            first = self._series("x", plain("x", x))
            return [first.shape[:2]], time_first(first)
        form = Form(several=True, keys=tuple(x) if isinstance(x, dict) else None)
        if self.static is None:
            raise TypeError(
                "x has several inputs: say which of them have no axis of time, as Batches(..., "
                "static=('s',)) by name, or (1,) by number, or () for none"
            )
        parts = [plain(form.label(k), part) for k, part in enumerate(parts_of(x))]
        targets = self._targets_named(x, target)
        others = [key for key in named_static("Batches", self.static) if key not in targets]
        static = static_numbers("Batches", form, len(parts), others)
        series = {
            k: self._series(form.label(k), part) for k, part in enumerate(parts) if k not in static
        }
        if not series:
            raise TypeError("x has no input with a value at each step; leave one out of static")
        turned = [time_first(series[k]) if k in series else part for k, part in enumerate(parts)]
        return [part.shape[:2] for part in series.values()], form.of(turned)

    def _targets_named(self, x: object, target: SeriesLike) -> frozenset[str | int]:
        """The targets that ``static`` names, by output or as "target"."""
        inputs = {*x} if isinstance(x, dict) else {*range(len(x))} if isinstance(x, tuple) else {}
        own = {TARGET, *self.outputs.keyed(target)}.difference(inputs)
        return frozenset(own.intersection(named_static("Batches", self.static)))

    def _series(self, label: str, x: Array) -> Array:
        """An input with axes (B, T, ...)."""
        if x.ndim < 2:
            axes = "(B, T, ...)" if self.batch_first else "(T, B, ...)"
            raise ShapeError(
                f"{label} must have axes {axes}, found shape {x.shape}; add the missing one"
            )
        return x if self.batch_first else x.swapaxes(0, 1)

    def _turned(self, x: object, target: SeriesLike, mask: SeriesLike, fresh: bool) -> Batch:
        """The arrays of an item with time as their first axis, and targets as outputs have them."""
        leads, turned = self._x(x, target)
        targets, masks, lengths = self.outputs.keyed(target), self.outputs.keyed(mask), None
        arrays = {k: None if a is None else plain(_at("target", k), a) for k, a in targets.items()}
        placing = Placing(self.batch_first, self.last, self._of_each(x, target))
        if "" in masks and is_row(mask) and np.asarray(mask).dtype.kind not in "fb":
            _check_one_lead(leads)
            first = None if self.last else next(iter(arrays.values()), None)
            lead = placing.fitting(leads, first)
            lengths = lengths_of("lengths", mask, lead, TURNED if self.batch_first else TURN)
            masks = {"": None}
        if "" in masks and mask is not None and lengths is None:
            _check_for_all(arrays, placing.of_each, mask)
        placed = {
            key: placing.placed(key, array, masks.get(key, masks.get("")), lengths, leads)
            for key, array in arrays.items()
        }
        weights = {key: weight for key, (_, weight) in placed.items()}
        none = all(weight is None for weight in weights.values())
        found = self.outputs.form(target, {key: array for key, (array, _) in placed.items()})
        return Batch(
            turned, found, None if none else self.outputs.form(target, weights), fresh, lengths
        )

    def _of_each(self, x: object, target: SeriesLike) -> frozenset[str | int]:
        """The outputs that are one value for each sequence, by ``static`` and by the model."""
        named = self._targets_named(x, target)
        return named.union({""} if TARGET in named else (), self.outputs.of_each)


def _check_one_lead(leads: list[Shape]) -> None:
    """Raise TypeError for lengths (B,) of inputs of several numbers of steps."""
    if len({*leads}) > 1:
        raise TypeError(
            f"an item has lengths, one for each sequence, and the series of x have "
            f"{' and '.join(str(lead[1]) for lead in leads)} steps; give train.Batch(x, target, "
            "mask, lengths={'past': ..., 'future': ...})"
        )


def layout_of(place: str, batch_first: object, last: object, static: Static) -> Layout:
    """The layout that options of a source say. Raises TypeError for what is no flag."""
    turned = flag(f"{place}: batch_first", batch_first)
    return Layout(turned, flag(f"{place}: last", last), static)


def _check_label(x: object, target: object, *, batch_first: bool) -> None:
    """Raise ShapeError for a target that is one number, that of a sequence without a batch."""
    number = isinstance(target, (int, float)) or getattr(target, "shape", None) == ()
    if not number or not hasattr(x, "shape"):
        return
    one = "x[None]" if batch_first else "x[:, None]"
    one, turned = "x" if len(x.shape) > 2 else one, "batch_first=True, " * batch_first
    raise ShapeError(
        f"target is one number, with x of shape {tuple(x.shape)}: items are batches, and a label "
        f"of a sequence is one of (B,); give Batches([({one}, [label]) for x, label in ...], "
        f"{turned}last=True), or lists of all, Sequences(xs, labels, last=True, batch_size=32)"
    )


def _check_for_all(
    targets: Mapping[str | int, object], of_each: Collection[str | int], mask: object
) -> None:
    """Raise ShapeError for one mask of steps where an output of several is one for each sequence."""
    if len(targets) > 1 and any(key in of_each for key in targets) and not is_row(mask):
        raise ShapeError(
            "Batches: mask is one for all outputs, and some have a target of each sequence; give a "
            "dict by output"
        )


def _check_steps(x: object, target: object, *, known: bool) -> None:
    """Raise ShapeError for a target of one number for each sequence."""
    if not hasattr(x, "shape") or not hasattr(target, "shape"):
        return
    lead, found = tuple(x.shape[:2]), tuple(target.shape)
    if found == lead[:1] and len(x.shape) == 2 and "float" in str(getattr(x, "dtype", "")):
        raise ShapeError(
            f"x has shape {tuple(x.shape)}, and target {found}: axis 1, the batch, is missing; for "
            "one sequence give x[:, None] and target[:, None]"
        )
    if len(lead) == 2 and len(found) == 1 and found[0] in lead:
        first = "" if found[0] == lead[1] else "batch_first=True, "
        raise ShapeError(
            f"target has shape {found}, one for each sequence, with x of shape {tuple(x.shape)}; "
            f"say Batches(..., {first}last=True){'' if known else of_static('target')}"
        )


def _given(name: str, part: object) -> Any:  # a stream too, which a Batch of an iterable may hold
    """A part of an item as ``bptt`` takes it: tensors as arrays, streams as they are."""
    return part if part is None or is_stream(part) or sliceable(part) else plain(name, part)


def _at(name: str, key: str | int) -> str:
    """The words for a target or mask of an output."""
    return name if key == "" else f"{name}[{key!r}]"


def _inputs(x: object) -> InputsOf:
    """x of an item as ``bptt`` takes it, one input or several."""
    if isinstance(x, dict):
        return {name: _given(f"x[{name!r}]", part) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple([_given(f"x[{k}]", part) for k, part in enumerate(x)])
    return _given("x", x)


def _no_item(item: object, *, targets: bool) -> str:
    cure, kinds = "give tuples", "(x, target), (x, target, mask) or a Batch"
    if not targets:
        kinds = f"x, {kinds}"
    elif hasattr(item, "shape"):
        cure = "x alone has nothing to be compared with, and is for predict"
    if isinstance(item, dict):
        cure = _of_keys([*map(repr, item)])
    elif isinstance(item, (tuple, list)):
        cure = "no more, and no less"
        if len(item) > MOST:
            cure += (
                "; lengths and reset go with train.Batch(x, target, mask, lengths=..., reset=...)"
            )
    return f"a batch of an iterable must be {kinds}, found {shown(item)}; {cure}"


def _of_keys(keys: list[str]) -> str:
    """The cure for an item that is a dict: its own keys, in a tuple or a Batch."""
    named = [each for each in ("'mask'", "'lengths'", "'reset'") if each in keys]
    others = [key for key in keys if key not in named]
    x, y = [*others, "'x'", "'y'"][:2] if len(others) != 1 else (others[0], "'y'")
    cure = f"its keys are {', '.join(keys)}: choose two, as ((b[{x}], b[{y}]) for b in ...)"
    if named:
        options = ", ".join(f"{each[1:-1]}=b[{each}]" for each in named)
        cure += f", or (train.Batch(b[{x}], b[{y}], {options}) for b in ...)"
    return cure
