"""What a measured block of code took: its figures, in words."""

from __future__ import annotations

from typing import ClassVar

from rnnbp.support.nearest import nearest, unknown
from rnnbp.support.reprs import bytes_text


class _Late:
    """Attributes that are set when the block ends."""

    _late: ClassVar[tuple[str, ...]]
    """Their names."""

    def __getattr__(self, name: str) -> int:
        if name in self._late:
            raise AttributeError(
                f"{name} is not known inside the block that is measured; read it after the block"
            )
        near = f"{name}_bytes" if f"{name}_bytes" in self._late else nearest(name, self._late)
        cure = f"did you mean {near!r}?" if near else f"it has {', '.join(self._late)}"
        raise unknown(f"{type(self).__name__} has no attribute {name!r}", f"; {cure}", name, self)


class HighWater(_Late):
    """What ``high_water`` found; its figure is known when the block that is measured ends.

    high_water_bytes: how far the process's resident high-water mark rose, None where the system
        does not tell.
    alone: False if child processes ran in the block, whose memory no figure counts.
    """

    _late: ClassVar[tuple[str, ...]] = ("high_water_bytes",)

    high_water_bytes: int | None
    """How far the process's resident high-water mark rose; None where the system does not tell."""
    alone: bool = True
    """False if child processes ran in the block, whose memory none of the figures counts."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}: {self}"

    def __str__(self) -> str:
        if "high_water_bytes" not in vars(self):
            return "being measured; its figures are known after the block"
        rise = self.high_water_bytes
        mark = "high water not known" if rise is None else f"high water +{bytes_text(rise)}"
        return (
            mark
            if self.alone
            else f"{mark}; without its child processes, of which nothing is known"
        )


class Used(HighWater):
    """What ``measure`` found, in bytes, known when the block ends. Printed, it is one line.

    peak_bytes: the most that was allocated at once, over what was at the beginning.
    kept_bytes: what was still allocated at the end, over that; negative where more was freed.
    high_water_bytes: how far the process's resident high-water mark rose, None where the system
        does not tell.
    alone: False if child processes ran in the block, whose memory no figure counts.

    >>> import numpy as np, rnnbp as rb
    >>> with rb.memory.measure() as used:
    ...     kept = np.ones(1_000_000, "float32")
    >>> 4_000_000 <= used.kept_bytes <= used.peak_bytes < 4_100_000
    True
    """

    _late: ClassVar[tuple[str, ...]] = ("peak_bytes", "kept_bytes", "high_water_bytes")

    peak_bytes: int
    """The most bytes allocated at once, over those at the beginning."""
    kept_bytes: int
    """Bytes still allocated at the end, over those at the beginning; negative where more was freed.
    """

    def __str__(self) -> str:
        if "high_water_bytes" not in vars(self):
            return super().__str__()
        if "peak_bytes" not in vars(self):
            return f"peak and kept not known, {super().__str__()}"
        peak, kept = bytes_text(self.peak_bytes), bytes_text(self.kept_bytes)
        return f"peak {peak}, kept {kept}, {super().__str__()}"
