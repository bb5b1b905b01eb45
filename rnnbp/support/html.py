"""HTML of results in notebooks: a heading, a small table, a picture; at most a screen."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import TypeVar

T = TypeVar("T")

MOST = 24
"""Rows of a table."""
CELL = 60
"""Characters of a cell."""


def safe(to_html: Callable[[T], str]) -> Callable[[T], str | None]:
    """Decorate a ``_repr_html_``, so that a notebook shows the repr where it cannot be made."""

    @functools.wraps(to_html)
    def html(self: T) -> str | None:
        try:
            return to_html(self)
        except Exception:  # whatever the object lacks, as one that an error left incomplete
            return None

    return html


def shown(self: object, what: str, rows: Mapping[str, str], *others: str) -> str:
    """The class and what it is, a row for each text as in ``reprs.titled``, then other parts."""
    heading = f"<p><b>{escape(type(self).__name__)}</b>: {escape(what)}</p>"
    parts = filter(None, (_named(rows), *others))
    return "\n".join(["<div>", heading, *parts, "</div>"])


def table(header: Sequence[str], rows: Iterable[Sequence[str]], total: int, words: int = 1) -> str:
    """Rows of texts under names; of more than fit a last row says how many there are.

    Args:
        rows: the first of them, of which as many are read as are shown.
        total: their number.
        words: columns that are words, the first ones; others are numbers.
    """
    most = MOST if total <= MOST else MOST - 1
    found = [row for row, _ in zip(rows, range(most), strict=False)]
    lines = [_line("th", header, words), *(_line("td", row, words) for row in found)]
    if total > len(found):
        more = f"{total - len(found):,} more"
        lines.append(f'<tr><td colspan="{len(header)}" {_LEFT}>{more}</td></tr>')
    return "\n".join(["<table>", *lines, "</table>"])


def words(text: str) -> str:
    """A paragraph."""
    return f"<p>{escape(text)}</p>"


def _named(rows: Mapping[str, str]) -> str:
    """A table of names and texts; a name that begins with a space goes on from the row before."""
    joined: dict[str, str] = {}
    last = ""
    for name, text in rows.items():
        if name[:1] == " ":
            joined[last] += f" {text}"
        elif text:
            joined[name], last = text, name
    lines = [
        f"<tr><th {_LEFT}>{escape(name)}</th><td {_LEFT}>{escape(text)}</td></tr>"
        for name, text in joined.items()
    ]
    return "\n".join(["<table>", *lines, "</table>"]) if lines else ""


def _line(tag: str, cells: Sequence[str], words: int) -> str:
    texts = (
        f"<{tag} {_LEFT if k < words else _RIGHT}>{escape(_cut(text))}</{tag}>"
        for k, text in enumerate(cells)
    )
    return f"<tr>{''.join(texts)}</tr>"


def _cut(text: str) -> str:
    return text if len(text) <= CELL else f"{text[: CELL - 4]} ..."


_LEFT, _RIGHT = 'style="text-align: left"', 'style="text-align: right"'
# On each cell, because a notebook's own style of tables says otherwise, and one of classes would
# hold for the whole page.
