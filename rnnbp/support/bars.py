"""Bars of progress, by tqdm, that neither a fork nor an interrupt can lock."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, ClassVar, NoReturn, Protocol, TypedDict, Unpack

from tqdm import std

from rnnbp.support import forks
from rnnbp.support.notebook import Output, in_notebook

if TYPE_CHECKING:
    Base = std.tqdm[NoReturn]
else:
    Base = std.tqdm

_shared: type | None = getattr(std, "TqdmDefaultWriteLock", None)
"""The lock of tqdm's own bars: two in one, for processes and for threads."""
_threads: forks.Lock = getattr(_shared, "th_lock", None) or threading.RLock()
forks.hold(_threads)  # a thread that draws a bar must not leave it locked in a child


class File(Protocol):
    """What a bar writes to."""

    def write(self, text: str, /) -> object: ...


class Look(TypedDict, total=False):
    """tqdm's options that callers choose."""

    desc: str
    unit: str
    unit_scale: bool
    dynamic_ncols: bool
    leave: bool
    initial: float


class FullLook(Look, total=False):
    """tqdm's options that bars have."""

    bar_format: str
    delay: float
    disable: bool
    file: File


class Bar(Base):
    """tqdm's bar, under tqdm's lock for the threads of one process, without tqdm's own thread.

    tqdm's bars take a lock first that child processes share. A child that is forked while another
    thread has it counts itself as its owner and never gives it back, so that all wait forever; so
    does one that is killed while it draws. Both kinds of bar know of each other, and share the
    lines of a terminal. A lock that was set with ``tqdm.set_lock`` is used as it is.
    """

    monitor_interval = 0
    """No thread that looks for bars that stand still: with ``miniters=1``, each update looks at the
    clock.
    """
    _lock: ClassVar[forks.Lock]

    def __init__(self, *, total: int | None, **look: Unpack[FullLook]) -> None:
        super().__init__(total=total, miniters=1, **look)

    __del__ = staticmethod(tuple)  # type: ignore[assignment]  # tqdm's is a method
    """Nothing: bars are closed by ``with``, and an interrupt in a finaliser of Python's would be
    lost.
    """

    @classmethod
    def get_lock(cls) -> forks.Lock:
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
    def write(cls, s: str, file: File | None = None, end: str = "\n", nolock: bool = False) -> None:
        """Print a line above the bars; they are unlocked after an interrupt too."""
        if nolock:
            super().write(s, file=file, end=end, nolock=True)
            return
        with cls.get_lock():
            super().write(s, file=file, end=end, nolock=True)


SHORT = "{l_bar}{bar:16}{r_bar}"
"""The look of a bar where nobody says how wide a line may be: what it counts is always whole."""


class _Nowhere:
    """A file that keeps nothing."""

    encoding = "utf-8"

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None:
        pass


class NotebookBar(Bar):
    """A bar in the output of a notebook's cell: one line, which is replaced as the work goes on."""

    def __init__(self, *, total: int | None, **look: Unpack[FullLook]) -> None:
        self._output = Output()
        super().__init__(
            total=total,
            **{"bar_format": SHORT} | look | {"file": _Nowhere(), "dynamic_ncols": False},
        )

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Show it; where other bars are does not matter."""
        self._output.show(str(self) if msg is None else msg)


def bar(total: int | None, *, delay: float = 0, **look: Unpack[Look]) -> Bar:
    """A bar where the user sees it: in a notebook's cell, else on stderr. ``look`` is tqdm's."""
    return (NotebookBar if in_notebook() else Bar)(
        total=total, delay=delay, disable=sys.stderr is None, **look
    )
