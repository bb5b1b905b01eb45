"""Names of layers, which their parameters' paths begin with.

``Dense(3, 4, name="head")`` has ``head.weight``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rnnbp.numerics import Array, shown
from rnnbp.support import reprs
from rnnbp.support.nearest import hint, meant
from rnnbp.wording.renamed import warn_renamed

MOST = 4
"""Names that a hint proposes."""
LISTED = 24
"""Arrays that a repr lists: not more than a screen."""
_shown = ContextVar("shown", default=True)


def checked_name(what: str, name: object) -> str | None:
    """A name as it was given to ``what``; None for none.

    Raises TypeError for what is no text; ValueError for one that is empty, has a dot, which
    separates the names of a path, or is a number, which a place in a Sequential could be.
    """
    if name is None:
        return None
    if not isinstance(name, str):
        raise TypeError(f"{what}: name is a text, found {shown(name)}; as name='encoder'")
    if not name.strip() or "." in name or name.isdecimal():
        why = (
            "has a dot, which separates names"
            if "." in name
            else "is a place"
            if name
            else "is empty"
        )
        raise ValueError(f"{what}: name {shown(name)} {why}; give one as name='encoder'")
    return name


def with_name(text: str, name: str | None) -> str:
    """What a repr shows of a layer with a name: "LSTM(3, 4)" as "LSTM(3, 4, name='encoder')"."""
    return with_options(text, [f"name={name!r}"] if name and _shown.get() else [])


def with_options(text: str, options: Iterable[str]) -> str:
    """What a repr shows of options: "RNN(3, 4)" as "RNN(3, 4, activation='relu')"."""
    more = ", ".join(options)
    if not more:
        return text
    if not text.endswith(")"):
        return f"{text}({more})"
    return f"{text[:-1]}{'' if text.endswith('()') else ', '}{more})"


def in_full() -> bool:
    """False within ``as_filed``: reprs leave out what snapshots do not have."""
    return _shown.get()


@contextmanager
def as_filed() -> Iterator[None]:
    """Within it reprs are those of snapshots: without names, because two models that differ in
    names alone compute the same, and without options that have lines of their own there.
    """
    token = _shown.set(False)
    try:
        yield
    finally:
        _shown.reset(token)


def check_distinct(what: str, named: Iterable[tuple[str | None, object]]) -> None:
    """Raise ValueError where two of (name, layer) have one name and are not one layer."""
    known: dict[str, object] = {}
    for name, layer in named:
        if name is not None and known.setdefault(name, layer) is not layer:
            raise ValueError(
                f"{what}: two layers are called {name!r}, {known[name]} and {layer}; rename one"
            )


def old_path(path: str) -> str:
    """A parameter's path as it was when names were suffixes: "weight_head" for "head.weight"."""
    *above, name, key = ["", *path.split(".")]
    return path if not name or name.isdecimal() else ".".join([*above[1:], f"{key}_{name}"])


NUMBER = re.compile(r"_l(\d+)\*?$")
"""How names of PyTorch's recurrent layers end."""


def likely(path: str, known: Collection[str]) -> str:
    """As " (did you mean '0.weight_ih'?)", for a path that a network does not have, or "".

    PyTorch's names are those of the same weight: where it has one layer with a number, and here
    there are several layers, of the layer with that place.
    """
    number = NUMBER.search(path)
    if number is None:
        return hint(path, known)
    owner, _, key = path[: number.start()].rpartition(".")
    alike = [name for name in known if name.rpartition(".")[2] == key]
    inside = [name for name in alike if name.startswith(f"{owner}.")] if owner else []
    place, several = int(number[1]), inside or alike
    if f"{owner}.{key}" in inside:
        several = [f"{owner}.{key}"][place:]
    elif inside or place:
        several = several[place : place + 1]
    return meant(" or ".join(map(repr, several[:MOST]))) if several else ""


class ByPath(dict[str, Array]):
    """Arrays of a network by path. An old spelling is found too, with a DeprecationWarning."""

    __slots__ = ()

    @reprs.safe
    def __repr__(self) -> str:
        """The paths, shapes and dtypes of at most a screen; ``dict(params)`` has the numbers."""
        few = list(self)[: LISTED if len(self) > LISTED + 1 else None]
        rows = {path: reprs.array_text(self[path]) for path in few}
        left = len(self) - len(few)
        more = {"...": f"{left:,} more"} if left else {}
        return reprs.titled(self, reprs.counted(len(self), "array"), **rows, **more)

    def __missing__(self, path: str) -> Array:
        for known in self:
            if old_path(known) == path:
                warn_renamed(repr(path), repr(known))
                return self[known]
        error = KeyError(path)
        near = likely(path, self) if isinstance(path, str) else ""
        error.add_note(near.strip(" ()") or f"the names are {', '.join(self)}")
        raise error
