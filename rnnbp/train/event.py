"""What callbacks are called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rnnbp.numerics import shown

if TYPE_CHECKING:
    from rnnbp.train.loop import Trainer


@dataclass(frozen=True, slots=True)
class Event:
    """What callbacks are called with: kind "step", "validation" or "epoch", and the line of metrics
    of its step."""

    kind: str
    metrics: Mapping[str, Any]
    trainer: Trainer


def check_callbacks(callbacks: object) -> tuple[Callable[[Event], object], ...]:
    """The callbacks of a Trainer. Raises TypeError for what cannot be called, or is no sequence."""
    if not isinstance(callbacks, (list, tuple)):
        raise TypeError(f"Trainer: callbacks is a list of functions of an Event, found {shown(callbacks)}; give [f]")
    for k, found in enumerate(callbacks):
        if isinstance(found, type) or not callable(found):
            raise TypeError(f"Trainer: callbacks[{k}] must be a function of an Event, found {shown(found)}; build it")
    return tuple(callbacks)
