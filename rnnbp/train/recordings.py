"""Recordings: x, target and mask of each, which must fit together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.checks.arrays import as_array
from rnnbp.inputs.cures import of_elements
from rnnbp.inputs.passed import Form
from rnnbp.numerics import DtypeError, ShapeError, flag
from rnnbp.train.file_rows import FileRows
from rnnbp.train.joined_rows import JoinedRows
from rnnbp.train.recording_lists import are_recordings, listed
from rnnbp.train.rows import Data, Rows, rows, same_length
from rnnbp.train.several_given import Several, Static, are_several, refuse_static, split_up
from rnnbp.train.several_rows import SeveralRows, arrays_of


@dataclass(frozen=True, slots=True)
class Recording:
    """A stream of steps: x (S, ...), target (S, ...) or None, mask (S,) or None."""

    x: Rows | SeveralRows
    """Of several inputs static ones are (1, ...)."""
    target: Rows | None
    mask: Rows | None

    def arrays(self) -> tuple[Rows | None, ...]:
        """The arrays that a digest covers: the mask only if there is one."""
        found = (*arrays_of(self.x), self.target)
        return found if self.mask is None else (*found, self.mask)


def recordings_of(
    place: str, x: object, target: object, mask: object, told: bool | None, horizon: int
) -> tuple[bool, tuple[Recording, ...]]:
    """(True if x is a list of recordings, the recordings); one stream is one recording.

    Args:
        told: the user's choice, None for the rule of ``Windows``.
        horizon: of the windows.

    Raises ShapeError, TypeError or ValueError for arguments that do not fit together.
    """
    told = told if told is None else flag(f"{place}: recordings", told)
    if not (are_recordings(place, x, horizon) if told is None else told):
        return False, (_recording(place, "", x, target, mask, horizon),)
    parts = {"x": x, "target": target, "mask": mask}
    lists = {name: listed(place, name, given, x) for name, given in parts.items()}
    each = zip(lists["x"], lists["target"], lists["mask"], strict=True)
    found = tuple(_recording(place, f"[{k}]", *arrays, horizon) for k, arrays in enumerate(each))
    _check_alike(place, found)
    return True, found


def several_recordings_of(
    place: str,
    x: Data | Several,
    static: Static,
    target: object,
    mask: object,
    told: bool | None,
    horizon: int,
) -> tuple[bool, tuple[Recording, ...]]:
    """The same of one input or several, each a stream or a list of recordings.

    A static input has one value for each recording, or one for the stream.
    """
    if not are_several(x, static):
        refuse_static(place, static)
        return recordings_of(place, x, target, mask, told, horizon)
    values, form, numbers = split_up(place, x, static)
    first = min(k for k in range(len(values)) if k not in numbers)
    listed, found = recordings_of(place, values[first], target, mask, told, horizon)
    each = list[list[Rows]]()
    for k, given in enumerate(values):
        if k in numbers:
            each.append(_static(f"{place}: {form.label(k)}", given, len(found), listed=listed))
        else:
            _, own = recordings_of(place, given, None, None, listed, horizon)
            each.append([part for one in own for part in arrays_of(one.x)])
    _check_steps(place, form, [part for k, part in enumerate(each) if k not in numbers])
    inputs = [SeveralRows(tuple(parts), numbers, form) for parts in zip(*each, strict=True)]
    pairs = zip(found, inputs, strict=True)
    return listed, tuple([Recording(several, one.target, one.mask) for one, several in pairs])


def joined(place: str, found: tuple[Recording, ...]) -> Recording:
    """Recordings one after the other, as one.

    Raises TypeError for static inputs, which would change within a lane.
    """
    first = found[0]
    if isinstance(first.x, SeveralRows):
        if first.x.static:
            k = min(first.x.static)
            raise TypeError(
                f"{place}: {first.x.form.label(k)} is static, and join=True puts several "
                "recordings into a lane; repeat its values at each step, or leave join out"
            )
        each = zip(*[arrays_of(one.x) for one in found], strict=True)
        parts = tuple([_in_a_row([*part]) for part in each])
        x: Rows | SeveralRows = SeveralRows(parts, first.x.static, first.x.form)
    else:
        x = _in_a_row([part for one in found for part in arrays_of(one.x)])
    targets = [one.target for one in found if one.target is not None]
    masks = [one.mask for one in found if one.mask is not None]
    return Recording(
        x, _in_a_row(targets) if targets else None, _in_a_row(masks) if masks else None
    )


def _in_a_row(parts: Sequence[Rows]) -> JoinedRows:
    return JoinedRows([part for part in parts if isinstance(part, np.ndarray | FileRows)])


def _static(label: str, given: object, count: int, *, listed: bool) -> list[Rows]:
    """A static input (1, ...) of each recording."""
    array = as_array(label, given)
    if not listed:
        return [array[None]]
    if array.shape[:1] != (count,):
        raise ShapeError(
            f"{label} is static and must have a value for each of {count} recordings, found shape "
            f"{array.shape}; give ({count}, ...)"
        )
    return [array[k : k + 1] for k in range(count)]


def _check_steps(place: str, form: Form, each: list[list[Rows]]) -> None:
    """Raise ShapeError for series of other numbers of recordings, or steps."""
    lengths = [[len(part) for part in parts] for parts in each]
    for found in lengths:
        if found != lengths[0]:
            raise ShapeError(
                f"{place}: the series of x have {lengths[0]} and {found} steps; end them alike"
            )


def _check_alike(place: str, found: tuple[Recording, ...]) -> None:
    """Raise ShapeError or DtypeError if recordings differ in features or kind of dtype."""
    targets = [one.target for one in found if one.target is not None]
    for name, arrays in (("x", [one.x for one in found]), ("target", targets)):
        for k, array in enumerate(arrays):
            if array.shape[1:] != arrays[0].shape[1:]:
                raise ShapeError(
                    f"{place}: {name}[{k}] has shape {array.shape}, {name}[0] {arrays[0].shape}; "
                    f"recordings differ in axis 0 alone"
                )
            if array.dtype.kind != arrays[0].dtype.kind:
                raise DtypeError(
                    f"{place}: {name}[{k}] has dtype {array.dtype}, {name}[0] {arrays[0].dtype}; "
                    "give all of one dtype"
                )


def _check_time_axis(place: str, at: str, x: Rows, horizon: int) -> None:
    """Raise ShapeError for a single step that looks like a sequence in a batch of one."""
    if len(x) != 1 or x.ndim < 2 or x.shape[1] <= (horizon if x.ndim == 2 else 1):
        return
    cure = "[a[0] for a in x]" if at else "x[0]"
    raise ShapeError(
        f"{place}: x{at} has shape {x.shape}, and axis 0 of a stream is its steps, of which this "
        f"has 1; if it is a batch of one sequence of {x.shape[1]} steps give {cure}, and likewise "
        "the target and the mask"
    )


def _recording(
    place: str, at: str, x: object, target: object, mask: object, horizon: int
) -> Recording:
    first, second = same_length(place, x, target, at)
    _check_time_axis(place, at, first, horizon)
    if mask is None:
        return Recording(first, second, None)
    weights = rows(f"{place}: mask{at}", mask, numbers=True, axes="(S,)")
    each_element = second is not None and weights.shape == second.shape
    if weights.shape != (len(first),) and not each_element:
        elements = weights.ndim > 1 and len(weights) == len(first)
        cure = of_elements(weights.shape[1:]) if elements else "give one axis"
        raise ShapeError(
            f"{place}: mask{at} must have shape ({len(first)},), a weight for each step of x{at}, "
            f"found shape {weights.shape}; {cure}"
        )
    return Recording(first, second, weights)
