"""The targets of Sequences with their masks: of an output, at each step, at the last, or of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias, final

from rnnbp.inputs.given import SeriesLike
from rnnbp.numerics import Array, ShapeError
from rnnbp.support.nearest import hint
from rnnbp.train.in_order import in_order
from rnnbp.train.last import at_last, known_steps, within
from rnnbp.train.rows import Data, Rows, check_numbers
from rnnbp.train.sequence_axes import is_of_each, mask_with_axes, with_axes
from rnnbp.train.sequence_checks import check_last, ended
from rnnbp.train.source import time_first
from rnnbp.train.target_axes import axis_for
from rnnbp.train.time_axes import TimeAxis

Targets: TypeAlias = Data | dict[str, Data] | dict[int, Data] | None
"""A target or mask, or one for each output by its name or number; or a tuple in order."""


class How(NamedTuple):
    """What targets depend on.

    Attributes:
        axes: the time axes of x.
        ends: True if a batch ends with its longest sequence.
        listed: True if x is a list.
        last: True if targets of each sequence are placed at its last step.
        static: the names of targets that are one for each, whatever their shape.
    """

    axes: tuple[TimeAxis, ...]
    ends: bool
    listed: bool
    last: bool
    static: frozenset[str | int]

    @property
    def axis(self) -> int:
        """Where the sequences are in the user's arrays."""
        return 0 if self.axes[0].lead.batch_first else 1


@final
@dataclass(frozen=True)
class SequenceTarget:
    """A target with its mask.

    Attributes:
        key: of the output; "" for the only one.
        target, mask: along their sequences.
        of_each: True for one value for each sequence, which stays so.
        last: True for one that is placed at the last step.
        axis: the number of the time axis that it has.
    """

    key: str | int
    target: Rows | None
    mask: Rows | None
    of_each: bool
    last: bool
    axis: int = 0

    @classmethod
    def of(cls, key: str | int, target: Data | None, mask: Data | None, how: How) -> SequenceTarget:
        """Read a target and a mask. Raises ShapeError for those that do not fit x."""
        at = "" if key == "" else f"[{key!r}]"
        leads = [(axis.lead.rows, axis.lead.steps) for axis in how.axes]
        lists = any(axis.lengths is not None for axis in how.axes)
        one = all(is_of_each(target, lead, listed=how.listed) for lead in leads)
        one = one or (key if key != "" else "target") in how.static
        alone = how.last and key == ""
        of_each, found, weights = not how.last and one and target is not None, None, None
        last = alone or (how.last and one)
        if target is not None:
            place, least = (0, 1) if of_each or last else (how.axis, 2)
            equal = len(how.axes) > 1
            found = with_axes(f"target{at}", target, place, least=least, lists=lists, equal=equal)
            check_numbers(f"Sequences: target{at}", found)
        number = 0 if of_each or last else axis_for(f"target{at}", found, how.axes)
        axis = how.axes[number]
        if mask is not None and of_each:
            weights = with_axes(f"mask{at}", mask, 0, numbers=True, least=1)
        elif mask is not None:
            weights = mask_with_axes(mask, how.axis, leads[number], lists=lists)
        axis.lead.check(f"target{at}", found, each=of_each or last)
        axis.lead.check_mask(weights, None if last else found, each=of_each, at=at)
        return cls(key, found, weights, of_each, last, number)._ended(axis, at, ends=how.ends)

    def _ended(self, axis: TimeAxis, at: str, *, ends: bool) -> SequenceTarget:
        """The same, of sequences that end at their lengths."""
        target, mask, lengths = self.target, self.mask, axis.lengths
        if lengths is not None and ends:
            if target is not None and not (self.of_each or self.last):
                target = ended(f"target{at}", target, lengths)
            if mask is not None and not self.of_each:
                mask = ended(f"mask{at}", mask, lengths)
        elif lengths is not None and not self.of_each:
            mask = _known(None if mask is None else mask[0 : len(mask)], lengths, axis.lead.steps)
        if self.last:
            check_last(target, mask)
        return replace(self, target=target, mask=mask)

    def batch(
        self, chosen: Array | slice, lengths: Array | None, steps: int
    ) -> tuple[Array | None, Array | None]:
        """(target, mask) of some sequences, time-first.

        Args:
            lengths: (B,), where the mask is to be 0 past the ends.
            steps: T of the batch.
        """
        target, mask = (None if a is None else a[chosen] for a in (self.target, self.mask))
        if self.of_each:
            return target, mask
        if lengths is not None:
            mask = _known(mask, lengths, steps)
        if self.last and target is not None:
            target, mask = at_last(target, mask, steps)
        return time_first(target), time_first(mask)


def targets_of(target: Targets, mask: Targets, how: How) -> tuple[SequenceTarget, ...]:
    """The targets by output. Raises as ``SequenceTarget.of``, ValueError for a mask of no target."""
    if how.last and len(how.axes) > 1:
        raise ValueError(
            "Sequences: last=True places targets at the last step, and the inputs end at several; "
            "leave it out, and let the model end in rnnbp.Last()"
        )
    lead, axis = how.axes[0].lead, how.axis
    if (several := in_order(target, lead.rows, axis)) is not None:
        weights = in_order(mask, lead.rows, axis)
        target, mask = several, mask if weights is None else weights
    if not isinstance(target, dict):
        if isinstance(mask, dict):
            raise TypeError(
                "Sequences: mask is a dict by output, and target is not; give a target for each too"
            )
        return (SequenceTarget.of("", target, mask, how),)
    masks = _masks(target, mask)
    if not target:
        raise ValueError("Sequences: target is an empty dict; give one for each output, or None")
    each = [SequenceTarget.of(key, part, masks.get(key), how) for key, part in target.items()]
    if not isinstance(mask, dict) and mask is not None and any(one.of_each for one in each):
        raise ShapeError(
            "Sequences: mask is one for all outputs, and some have a target of each sequence; give "
            "a dict by output"
        )
    return tuple(each)


def _masks(target: dict[str, Data] | dict[int, Data], mask: Targets) -> dict[str | int, SeriesLike]:
    """The mask of each of several targets. Raises ValueError for one of no target."""
    masks = dict[str | int, SeriesLike]()
    for key, part in (
        mask.items() if isinstance(mask, dict) else dict.fromkeys(target, mask).items()
    ):
        masks[key] = part
    for key in masks:
        if key not in target:
            keys = ", ".join(map(repr, target))
            near = hint(key, [name for name in target if isinstance(name, str)])
            raise ValueError(
                f"Sequences: mask has {key!r}, of which there is no target{near}; there are {keys}"
            )
    return masks


def in_form(targets: tuple[SequenceTarget, ...], parts: list[Array | None]) -> SeriesLike:
    """Arrays of several targets as ``bptt`` takes them: a dict by name, or a tuple in order."""
    if all(part is None for part in parts):
        return None
    keys = [one.key for one in targets]
    if all(isinstance(key, int) for key in keys):
        found = dict(zip(keys, parts, strict=True))
        return tuple([found.get(k) for k in range(max(map(int, keys)) + 1)])
    return {key: part for key, part in zip(keys, parts, strict=True) if part is not None}


def _known(mask: Array | None, lengths: Array, steps: int) -> Array:
    """A mask (B, T), 0 past the end of each sequence."""
    known = known_steps(lengths, steps)
    return known if mask is None else within(mask, known)
