"""Items of iterables as batches: (x, target), (x, target, mask) or a Batch."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, TypeGuard

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.inputs.given import InputsOf, SeriesLike
from rnnbp.inputs.passed import Form, parts_of
from rnnbp.numerics import Array, Shape, ShapeError, flag, shown
from rnnbp.support.callers import outside
from rnnbp.train.last import at_last, known_steps, lengths_of, of_sequences
from rnnbp.train.several_given import Static, static_numbers
from rnnbp.train.source import Batch, is_batch, time_first

TURN, TURNED = "batch-first: say batch_first=True", "time-first: leave batch_first out"
"""What to do where x was taken as time-first, or as batch-first."""
MOST = 3
"""Parts of an item: x, target, mask."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of items: batch-first or time-first; a target for each step or for the last."""

    batch_first: bool
    last: bool
    static: Static = None

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
        if not (self.batch_first or self.last or _is_row(mask)):
            _check_steps(x, target)
            return Batch(_inputs(x), _given("target", target), _given("mask", mask), fresh)
        weights = None if mask is None else plain("mask", mask)
        return self._turned(x, None if target is None else plain("target", target), weights, fresh)

    def _x(self, x: object) -> tuple[list[Shape], InputsOf]:
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
        static = static_numbers("Batches", form, len(parts), self.static)
        series = {
            k: self._series(form.label(k), part) for k, part in enumerate(parts) if k not in static
        }
        if not series:
            raise TypeError("x has no input with a value at each step; leave one out of static")
        turned = [time_first(series[k]) if k in series else part for k, part in enumerate(parts)]
        return [part.shape[:2] for part in series.values()], form.of(turned)

    def _series(self, label: str, x: Array) -> Array:
        """An input with axes (B, T, ...)."""
        if x.ndim < 2:
            axes = "(B, T, ...)" if self.batch_first else "(T, B, ...)"
            raise ShapeError(
                f"{label} must have axes {axes}, found shape {x.shape}; add the missing one"
            )
        return x if self.batch_first else x.swapaxes(0, 1)

    def _turned(self, x: object, target: Array | None, mask: Array | None, fresh: bool) -> Batch:
        """The arrays of an item with time as their first axis, and a target at each step."""
        leads, turned = self._x(x)
        lead, lengths = self._fitting(leads, mask if target is None or self.last else target), None
        if _is_row(mask) and mask.dtype.kind in "fb":
            _warn_of_lengths(mask, lead[1])
            mask = of_sequences("mask", mask, lead)
        elif _is_row(mask):
            _check_one_lead(leads)
            lengths = lengths_of("lengths", mask, lead, TURNED if self.batch_first else TURN)
            mask = known_steps(lengths, lead[1])
        elif mask is not None:
            mask = self._led("mask", mask, lead)
        if target is not None and self.last:
            if target.shape[:1] != lead[:1]:
                raise ShapeError(
                    f"target axis 0 must have size {lead[0]}, one for each sequence of x, found "
                    f"shape {target.shape}; leave last=True out for targets of each step"
                )
            target, mask = at_last(target, mask, lead[1])
        elif target is not None:
            target = self._led("target", target, lead)
        return Batch(turned, time_first(target), time_first(mask), fresh, lengths)

    def _fitting(self, leads: list[Shape], given: Array | None) -> Shape:
        """(B, T) of the first series that a target or mask fits, or of the first of all."""
        shape = () if given is None else given.shape[:2]
        return next((lead for lead in leads if lead[:: self._order] == shape), leads[0])

    @property
    def _order(self) -> int:
        """The step by which (B, T) is read to have the order of the user's axes."""
        return 1 if self.batch_first else -1

    def _led(self, name: str, array: Array, lead: tuple[int, ...]) -> Array:
        """A target or mask that begins with the axes (B, T) of x."""
        found = array if self.batch_first or array.ndim < 2 else array.swapaxes(0, 1)
        if found.shape[:2] != lead:
            cure = "give one for each step"
            if name == "target" and found.shape[:1] == lead[:1]:
                cure = "for one target of each sequence say last=True"
            expected = lead[:: self._order]
            raise ShapeError(
                f"{name} must begin with the axes {expected} of x, found shape {array.shape}; "
                f"{cure}"
            )
        return found


def _warn_of_lengths(weights: Array, steps: int) -> None:
    """Warn of weights of sequences that look like their lengths."""
    whole = weights.dtype.kind == "f" and (weights == np.round(weights)).all()
    if whole and steps > 1 and weights.min() >= 1 and weights.max() == steps:
        warnings.warn(
            f"Batches: the third of an item is {weights.dtype} of shape {weights.shape}, weights of "
            f"the sequences, and has whole numbers up to T = {steps}: lengths are integers, give "
            "lengths.astype(int)",
            RuntimeWarning,
            outside(),
        )


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


def _check_steps(x: object, target: object) -> None:
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
            f"say Batches(..., {first}last=True)"
        )


def _given(name: str, part: object) -> Any:  # a stream too, which a Batch of an iterable may hold
    """A part of an item as ``bptt`` takes it: tensors as arrays, streams as they are."""
    return part if part is None or is_stream(part) or sliceable(part) else plain(name, part)


def _inputs(x: object) -> InputsOf:
    """x of an item as ``bptt`` takes it, one input or several."""
    if isinstance(x, dict):
        return {name: _given(f"x[{name!r}]", part) for name, part in x.items()}
    if isinstance(x, tuple):
        return tuple([_given(f"x[{k}]", part) for k, part in enumerate(x)])
    return _given("x", x)


def _is_row(mask: SeriesLike) -> TypeGuard[Array]:
    """True for one number for each sequence: its steps, or a float that is its weight."""
    return mask is not None and not is_stream(mask) and np.ndim(mask) == 1


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
