"""What callbacks are called with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnbp.train.loop import Trainer


@dataclass(frozen=True, slots=True)
class Event:
    """What callbacks are called with: kind "step", "validation" or "epoch", and the line of metrics of its step."""

    kind: str
    metrics: Mapping[str, Any]
    trainer: Trainer
