"""The line of a plan that shows the bytes of 16-bit tapes next to those of exact ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from rnnbp.planning.budget import shown
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import SHORT


def short_tape_lines(sizes: Sizes, chunk: int) -> Iterator[str]:
    """Bytes of a tape of ``chunk`` steps; nothing where tapes are exact."""
    if sizes.backend.short_tapes:
        found = sizes.backend
        exact = replace(sizes, backend=Backend(found.name, found.without, found.precision))
        half, whole = shown(sizes.tape(chunk)), shown(exact.tape(chunk))
        yield f"  tapes    {half} each, {whole} without tape_bits={SHORT}"
