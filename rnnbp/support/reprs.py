"""Short reprs: what an object is, and in a few lines what it holds, without elements."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")

WIDTH = 100
"""Columns of a line."""


def safe(to_text: Callable[[T], str]) -> Callable[[T], str]:
    """Decorate a ``__repr__``, so that it never raises, whatever an object lacks."""

    @functools.wraps(to_text)
    def text(self: T) -> str:
        try:
            return to_text(self)
        except Exception:  # whatever is missing: a repr is asked for while another error is told
            return f"<{type(self).__name__}, incomplete>"

    return text


def titled(self: object, what: str, /, **rows: str) -> str:
    """The class and what it is, then a line for each row that has a text, by its name.

    A name that begins with a space is left blank: its text goes on from the row before.
    """
    found = [("" if name[:1] == " " else name, text) for name, text in rows.items() if text]
    width = max((len(name) for name, _ in found), default=0)
    lines = [f"  {name:{width}}  {text}" for name, text in found]
    return "\n".join(map(cut, [f"{type(self).__name__}: {what}", *lines]))


def cut(line: str) -> str:
    """``line`` in one line; where too long it ends in dots, after a whole word if it can."""
    line = line.replace("\n", " ")
    if len(line) <= WIDTH:
        return line
    begun = line[: WIDTH - 4]
    words = begun if line[WIDTH - 4] == " " else begun.rpartition(" ")[0].rstrip()
    return f"{words if len(words) > WIDTH // 2 else begun} ..."


def filled(name: str, texts: list[str], end: str = "", most: int = 76) -> dict[str, str]:
    """Rows for ``titled`` of texts, in as many lines as they need; only the first has a name.

    Args:
        end: follows the last text.
        most: characters in a line.
    """
    lines = [""]
    for k, text in enumerate(texts):
        text += "," if k + 1 < len(texts) else end
        if lines[-1] and len(lines[-1]) + 1 + len(text) > most:
            lines.append("")
        lines[-1] += f" {text}" if lines[-1] else text
    return {f" {name} {k}" if k else name: line for k, line in enumerate(lines)}


def listed(texts: Iterable[str], total: int, most: int = 60) -> str:
    """Some texts of ``total``, as many as have room, and the number of the others."""
    found, length = list[str](), 0
    for text in texts:
        if found and length + len(text) > most:
            break
        found.append(text)
        length += len(text) + 2
    others = [f"{total - len(found):,} more"] if total > len(found) else []
    return ", ".join([*found, *others])


def array_text(array: object) -> str:
    """The shape and dtype of an array, or what stands for one; nothing of None."""
    if array is None:
        return ""
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if shape is not None:
        return f"{tuple(shape)} {dtype}"
    if isinstance(array, (list, tuple)):
        one = array_text(array[0]) if array else ""
        return one and f"{len(array)} of {one}"
    return kind_text(array)


def input_texts(x: object) -> dict[str, str]:
    """``array_text`` of x, or of each of several inputs, by the words for it in errors."""
    named: dict[str, object] = {"x": x}
    if isinstance(x, dict):
        named = {f"x[{key!r}]": array for key, array in x.items()}
    elif isinstance(x, tuple):
        named = {f"x[{k}]": array for k, array in enumerate(x)}
    return {name: array_text(array) for name, array in named.items()}


def first_line(value: object) -> str:
    """The first line of a repr."""
    return (repr(value).splitlines() or [""])[0]


def kind_text(value: object) -> str:
    """A function by its name, another object by its class and how many it holds."""
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name if isinstance(value, Iterator) else f"{name}, a function"
    return f"{type(value).__name__}{f' of {len(value):,}' if isinstance(value, Sized) else ''}"


def number(value: object) -> str:
    """A number in four digits."""
    return f"{value:.4g}" if isinstance(value, (float, int)) else str(value)


def counted(n: int, what: str, several: str = "") -> str:
    """``n`` of what there may be one or more."""
    return f"{n:,} {what if n == 1 else several or f'{what}s'}"


def bytes_text(n: int) -> str:
    """Bytes in three digits."""
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if abs(n) >= size:
            return f"{n / size:.3g} {unit}"
    return f"{n} B"
