"""Bytes of 16-bit tapes next to those of exact ones, for plans."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import final

from rnnbp.planning.budget import shown
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import SHORT


@final
@dataclass(frozen=True)
class ShortTapes:
    """Bytes of a tape of 16 bits, and of the exact one in its place."""

    each: int
    exact: int

    def __str__(self) -> str:
        return f"{shown(self.each)} each, {shown(self.exact)} without tape_bits={SHORT}"


def short_tapes_of(sizes: Sizes, chunk: int) -> ShortTapes | None:
    """Those of ``chunk`` steps; None where tapes are exact."""
    found = sizes.backend
    if not found.short_tapes:
        return None
    exact = replace(sizes, backend=Backend(found.name, found.without, found.precision))
    return ShortTapes(sizes.tape(chunk), exact.tape(chunk))


def short_tape_lines(sizes: Sizes, chunk: int) -> Iterator[str]:
    """The line of a plan of one sweep; none where tapes are exact."""
    if (found := short_tapes_of(sizes, chunk)) is not None:
        yield f"  tapes    {found}"
