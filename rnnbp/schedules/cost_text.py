"""The repr of what a run takes, predicted or measured."""

from __future__ import annotations

from typing import Protocol

from rnnbp.support.reprs import bytes_text, counted, listed, safe, titled


class Steps(Protocol):
    """A ``Simulation``."""

    @property
    def chunks(self) -> int: ...
    @property
    def peak_slots(self) -> int: ...
    @property
    def peak_tapes(self) -> int: ...
    @property
    def steps_run(self) -> int: ...
    @property
    def steps_rerun(self) -> int: ...
    @property
    def steps_rebuilt(self) -> int: ...


class Cost(Steps, Protocol):
    """A ``Simulation`` with bytes and seconds."""

    @property
    def peak_bytes(self) -> int: ...
    @property
    def peak_bytes_by_kind(self) -> dict[str, int]: ...
    @property
    def object_bytes(self) -> int: ...
    @property
    def output_bytes(self) -> int: ...
    @property
    def rounding(self) -> str: ...
    @property
    def seconds(self) -> float | None: ...


ROOM = 70
"""Letters of a line of bytes by kind."""


@safe
def cost_text(self: Cost) -> str:
    """The repr of a Simulation with bytes and seconds, predicted or measured, in a few lines."""
    seconds = "seconds not known" if self.seconds is None else f"{self.seconds:.3g} s"
    kinds = sorted(self.peak_bytes_by_kind.items(), key=lambda item: -item[1])
    held = f"y and dy of all steps are held, {bytes_text(self.output_bytes)}: checkpoints save less"
    return titled(
        self,
        f"peak_bytes {self.peak_bytes:,}, {seconds}",
        at_peak=listed([f"{kind} {bytes_text(n)}" for kind, n in kinds], len(kinds), ROOM),
        **({"loss": held} if self.output_bytes else {}),
        objects=f"{bytes_text(self.object_bytes)} of Python's own, about",
        steps=steps_line(self),
        held=held_line(self),
        rounding=self.rounding,
    )


def steps_line(found: Steps) -> str:
    """The steps that are run, and in how many chunks."""
    again = f"{found.steps_rerun:,} of them again, {found.steps_rebuilt:,} rebuilt"
    return f"{found.steps_run:,} run, {again}; in {counted(found.chunks, 'chunk')}"


def held_line(found: Steps) -> str:
    """The checkpoints and tapes that are held at once."""
    checkpoints, tapes = counted(found.peak_slots, "checkpoint"), counted(found.peak_tapes, "tape")
    return f"{checkpoints}, {tapes} at most"
