"""Calls of runners that wait, so that several run side by side."""

from __future__ import annotations

from typing import Protocol, final

import numpy as np

from rnnbp.machine.team.beside import Beside
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array


class Team(Protocol):
    """What takes jobs: the threads, or what lets them wait."""

    def do(self, job: Job, bases: list[int], n: int, *, units: bool = False) -> None: ...


@final
class Later:
    """What calls of runners have prepared: arrays that they returned have no values before ``run``.

    Attributes:
        team: takes the jobs of these calls.
    """

    def __init__(self) -> None:
        self.team = Beside()
        self._held: list[object] = []
        self._copies: list[tuple[Array, Array]] = []

    def hold(self, *things: object) -> None:
        """Keep what the jobs read until they have run."""
        self._held += things

    def copy(self, array: Array) -> Array:
        """An array that ``run`` makes a copy of this one, which is a job's."""
        found = np.empty_like(array)
        self._copies.append((found, array))
        return found

    def run(self, n: int) -> None:
        """Run all that has been called, by n threads, each call by one of them."""
        self.team.run(n)
        for found, array in self._copies:
            np.copyto(found, array)
        self._copies.clear()
        self._held.clear()
