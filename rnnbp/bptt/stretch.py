"""What stands for several actions of a schedule that are run as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, final

from rnnbp.actions import Action, Backward, Record


@final
@dataclass(frozen=True, slots=True)
class Stretch:
    """Actions of one kind, on ``count`` chunks: Records from n on, or Backwards from n down."""

    kind: type[Record] | type[Backward]
    n: int
    count: int


Step: TypeAlias = Action | Stretch
