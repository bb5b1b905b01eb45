"""Tables of a command, as wide as the terminal."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rnnbp.support.columns import aligned

LEAST = 24
"""Characters of a text that is cut."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str]) -> list[str]:
    """Lines of a table.

    Args:
        header: names of the columns; where a terminal is too narrow, texts in the first are cut in
            the middle, and then the ends of lines.
        right: names of the columns whose texts end at the right.
    """
    lines = [header, *rows]
    if (most := terminal_width()) is not None:
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        over = sum(widths) + 2 * (len(widths) - 1) - most
        first = max(min(LEAST, widths[0]), widths[0] - max(0, over))
        lines = [(_in_the_middle(text, first), *others) for text, *others in lines]
    return list(map(cut, aligned(lines, [k for k, name in enumerate(header) if name in right])))


def cut(line: str) -> str:
    """A line, cut where the terminal ends."""
    most = terminal_width()
    return line if most is None or len(line) <= most else f"{line[: most - 3]}..."


def terminal_width() -> int | None:
    """Columns of the terminal; None for a pipe or a file, where nothing is cut."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _in_the_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    end = (most - 3) // 2
    return f"{text[: most - 3 - end]}...{text[len(text) - end :]}"
