"""What the user called, a method of a Trainer or ``fit``, and how it is told to go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """The words of errors and notes that depend on what the user called.

    Attributes:
        name: of the call.
        resume: what continues the run that a folder holds.
        overriding: what does so though a part differs, with {} for the tuple of names.
        goes_on: how a run without a folder goes on after a signal.
        goes_on_from_folder: how one with a folder does.
    """

    name: str
    resume: str
    overriding: str
    goes_on: str
    goes_on_from_folder: str

    def override(self, names: Iterable[str]) -> str:
        """What resumes in spite of the differences that are named."""
        return self.overriding.format((*names,))


TRAINER = Caller(
    "Trainer.fit",
    resume="resume() it",
    overriding="resume(override={})",
    goes_on="to go on, call fit of this Trainer again in this process",
    goes_on_from_folder="to go on, call fit of this Trainer again; in a new process resume() first",
)
FIT = Caller(
    "fit",
    resume="go on with it by resume=True",
    overriding="fit(..., resume=True, override={})",
    goes_on="it cannot go on: give folder= the next time, or build a Trainer, whose fit goes on",
    goes_on_from_folder="to go on, call fit with the same folder and resume=True",
)
