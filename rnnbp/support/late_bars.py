"""Whether a call shows a bar of progress, and when the bar appears."""

from __future__ import annotations

import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Self, Unpack

from rnnbp.support.bars import Bar, Look, bar
from rnnbp.support.notebook import in_notebook


def wanted(progress: bool | None) -> bool:
    """Whether to show a bar; None shows it on a terminal and in a notebook only."""
    if progress is not None:
        return progress
    try:
        return in_notebook() or (sys.stderr is not None and sys.stderr.isatty())
    except (AttributeError, OSError, ValueError):  # it is closed, or no file
        return False


def note(progress: bool | None, text: str) -> None:
    """Write a line above the bars, unless ``progress`` is False.

    On stderr, or in the cell of a notebook, where stderr is red and this is no error.
    """
    file = sys.stdout if in_notebook() else sys.stderr
    if progress is not False and file is not None:
        with suppress(OSError, ValueError):  # it is closed
            Bar.write(text, file=file)


LATE = 1.0
"""Seconds after which a call shows the bar that nobody asked for: shorter ones are often many, in a
loop.
"""


class LateBar:
    """A bar that appears when its work has taken a while, and that short work never shows.

    Args:
        after: seconds; 0 shows it at once, and its last state stays.
    """

    def __init__(self, total: int | None, *, after: float = 0, **look: Unpack[Look]) -> None:
        self.total, self.look = total, {"leave": not after} | look
        self.done, self.began = 0, time.monotonic()
        self.due = self.began + after
        self.bar = None if after else bar(total, **self.look)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def update(self, count: int, note: str = "") -> None:
        """Take note of work done; ``note`` follows the bar."""
        self.done += count
        if self.bar is None and time.monotonic() >= self.due:
            self.bar = self._appear()
        if self.bar is not None:
            self.bar.set_postfix_str(note, refresh=False)
            self.bar.update(self.done - self.bar.n)

    def _appear(self) -> Bar:
        """A bar that counts its time from when the work began, and is drawn at its first update."""
        found = bar(self.total, delay=1e-9, **self.look)
        found.start_t -= time.monotonic() - self.began
        found.last_print_t = found.start_t
        return found


def late(
    progress: bool | None, total: int | None, **look: Unpack[Look]
) -> AbstractContextManager[LateBar | None]:
    """A bar: True at once, None late and where a user sees it, else none."""
    return (
        LateBar(total, after=0 if progress else LATE, **look) if wanted(progress) else nullcontext()
    )
