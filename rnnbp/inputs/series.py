"""What has a time axis: an array that is there, or a stream."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeAlias

from rnnbp.checks.kinds import is_stream, sliceable
from rnnbp.inputs.held import Held
from rnnbp.inputs.streams import Stream, array_of
from rnnbp.numerics import ShapeError
from rnnbp.storage import PathLike

Series: TypeAlias = Held | Stream


def series(
    name: str, given: object, steps: int | None = None, folder: PathLike | None = None
) -> Series:
    """``given`` as one of the two. What has an ``__iter__`` but no length is a stream."""
    if is_stream(given):
        return Stream(name, iter(given), steps, folder)
    found = Held(given if sliceable(given) else array_of(name, given))
    if steps is not None and found.steps != steps:
        raise ShapeError(
            f"{name} has {found.steps} steps, found steps={steps}; leave steps out, it is for "
            "streams"
        )
    return found


@contextlib.contextmanager
def counted_from(start: int) -> Iterator[None]:
    """Errors of what is checked in parts say from which step they count, but those of shapes and
    kinds, which name no step.
    """
    try:
        yield
    except (ValueError, IndexError) as error:
        if start and not isinstance(error, ShapeError):
            error.add_note(f"steps are counted from step {start} of the sequence")
        raise
