"""What a runner keeps of a chunk, as abstract classes: tapes, and thin tapes of states alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from rnnbp.numerics import Array, Nest

State: TypeAlias = tuple[Array, ...]
"""The state of one Recurrent, each array (B, ...)."""


class _OfStates(ABC):
    """What knows the states of one Recurrent around each of a chunk's L steps."""

    __slots__ = ()

    @abstractmethod
    def at(self, step: int) -> State:
        """A copy of the state before a step in [0, L]; −1 is L, the state after the last step."""

    @property
    def entering(self) -> State:
        """A copy of the state before the first step."""
        return self.at(0)

    @property
    def leaving(self) -> State:
        """A copy of the state after the last step."""
        return self.at(-1)


class ThinTape(_OfStates):
    """The states of one Recurrent around each of a chunk's L steps. It owns their memory."""

    __slots__ = ()

    @abstractmethod
    def arrays(self) -> list[Array]:
        """All arrays that it keeps alive."""


class Tape(_OfStates):
    """The internals of a chunk of L steps of one Recurrent. It owns the memory of all but ``xs``."""

    __slots__ = ()
    xs: tuple[Array, ...]
    """The inputs, which may be views of the caller's."""

    @property
    @abstractmethod
    def length(self) -> int:
        """L."""

    @abstractmethod
    def arrays(self) -> list[Nest]:
        """All arrays that it keeps alive."""

    def cut(self) -> CutTape | None:
        """This tape, if its runner carries zeros in place of deltas that are missing; else None."""
        return None


class CutTape(Tape):
    """A tape whose last steps another runner can run backward in place of its own."""

    __slots__ = ()

    @property
    @abstractmethod
    def divisible(self) -> bool:
        """True if ``first`` may be called: no layer saved arrays of all steps together."""

    @abstractmethod
    def finite(self, steps: int) -> bool:
        """True if the states of the last ``steps`` steps are finite."""

    @abstractmethod
    def first(self, steps: int, xs: tuple[Array, ...]) -> Tape:
        """The tape of the first ``steps`` steps, whose inputs are ``xs``: views of this one."""
