"""The processes of a command under ``mpiexec``, which fail together."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar, final

import numpy as np

from rnnbp.cli.errors import CommandError
from rnnbp.parallel import MPI, Alone, Exchange, ProcessError
from rnnbp.parallel.gathering import of_each, texts
from rnnbp.support.launched import launched

T = TypeVar("T")
DAY = 86_400.0
"""Seconds that processes wait for the first one, which scores the held-out text after each epoch
and writes files; one that has ended is noticed at once.
"""


@final
@dataclass(frozen=True)
class Processes:
    """Those of a run; ``exchange`` carries what they have to say, of this process alone nothing."""

    exchange: Exchange

    @classmethod
    def present(cls) -> Self:
        """Those that ``mpiexec`` started. Raises CommandError if they cannot reach each other."""
        count = launched().processes
        if count == 1:
            return cls(Alone(shards=1))
        try:
            MPI(shards=count)  # starts MPI, for which minutes are enough
            return cls(MPI(shards=count, timeout=DAY))
        except ImportError as error:
            raise CommandError(str(error)) from None

    @property
    def count(self) -> int:
        """How many there are."""
        return self.exchange.processes

    @property
    def first(self) -> bool:
        """True in the one that writes files and prints."""
        return self.exchange.rank == 0

    def sharing(self, shards: int | None) -> Exchange | None:
        """The shards of a run, of which each process has some; None for one without."""
        if shards is None:
            return None
        return Alone(shards=shards) if self.count == 1 else MPI(shards=shards, timeout=DAY)

    def together(self, action: Callable[[], T]) -> T:
        """Do something in all processes, and raise in all if it fails in one.

        The error is raised in the first that has one, and is a ProcessError in the others.
        """
        error: Exception | None = None
        try:
            found = action()
        except Exception as caught:  # shown by the process that raises it
            error = caught
        failed = of_each(np.array([error is not None]), self.exchange)[:, 0]
        if not failed.any():
            return found
        if error is not None and not failed[: self.exchange.rank].any():
            raise error
        raise ProcessError(f"process {int(failed.argmax())} has failed")

    def by_first(self, action: Callable[[], T]) -> T | None:
        """Do something in the first process, for which the others wait; None in those.

        An error is raised as ``together`` does.
        """
        return self.together(lambda: action() if self.first else None)

    def one_of(self, error: CommandError) -> Exception:
        """An error that all processes have, of which the first one says why."""
        return error if self.first else ProcessError(str(error))

    def told(self, text: str) -> str:
        """What the first process has as ``text``."""
        found: str = json.loads(texts(json.dumps(text), self.exchange)[0])
        return found
