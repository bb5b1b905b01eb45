"""Bars of progress, by tqdm, that neither a fork nor an interrupt can lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, ClassVar

from tqdm import std

from rnnbp import forks

if TYPE_CHECKING:
    Base = std.tqdm[Any]
else:
    Base = std.tqdm

_shared: Any = getattr(std, "TqdmDefaultWriteLock", None)
"""The lock of tqdm's own bars: two in one, for processes and for threads."""
_threads: Any = getattr(_shared, "th_lock", None) or threading.RLock()
forks.hold(_threads)  # a thread that draws a bar must not leave it locked in a child


class Bar(Base):
    """tqdm's bar, under the lock that tqdm has for the threads of one process, and without tqdm's own thread.

    tqdm's bars take a lock first that child processes share. A child that is forked while another thread has it
    counts itself as its owner and never gives it back, so that all wait forever; so does one that is killed while it
    draws. Both kinds of bar know of each other, and share the lines of a terminal. A lock that was set with
    ``tqdm.set_lock`` is used as it is.
    """

    monitor_interval = 0
    """No thread that looks for bars that stand still: with ``miniters=1``, each update looks at the clock."""
    _lock: ClassVar[Any]

    def __init__(self, *, total: int | None, **look: Any) -> None:
        super().__init__(total=total, miniters=1, **look)

    __del__ = staticmethod(tuple)  # type: ignore[assignment]  # tqdm's is a method
    """Nothing: bars are closed by ``with``, and an interrupt in a finaliser of Python's would be lost."""

    @classmethod
    def get_lock(cls) -> Any:
        """The lock that is held while bars are drawn; the thread that has it may take it again."""
        present = getattr(std.tqdm, "_lock", None)
        cls._lock = _threads if present is None or isinstance(present, _shared or ()) else present
        return cls._lock

    def refresh(self, nolock: bool = False, lock_args: object = None) -> None:
        """Draw the bar; it is unlocked after an interrupt too."""
        if nolock:
            super().refresh(nolock=True)
            return
        with self.get_lock():
            super().refresh(nolock=True)

    @classmethod
    def write(cls, s: str, file: Any = None, end: str = "\n", nolock: bool = False) -> None:
        """Print a line above the bars; they are unlocked after an interrupt too."""
        if nolock:
            super().write(s, file=file, end=end, nolock=True)
            return
        with cls.get_lock():
            super().write(s, file=file, end=end, nolock=True)
