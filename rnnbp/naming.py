"""Names of layers, which their parameters' paths begin with.

``Dense(3, 4, name="head")`` has ``head.weight``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from rnnbp.numerics import Array, shown
from rnnbp.support.nearest import nearest
from rnnbp.wording.renamed import warn_renamed

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
    if not name or not _shown.get():
        return text
    if not text.endswith(")"):
        return f"{text}(name={name!r})"
    return f"{text[:-1]}{'' if text.endswith('()') else ', '}name={name!r})"


@contextmanager
def names_hidden() -> Iterator[None]:
    """Within it no repr shows a name: two models that differ in names alone compute the same."""
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


class ByPath(dict[str, Array]):
    """Arrays of a network by path. An old spelling is found too, with a DeprecationWarning."""

    __slots__ = ()

    def __missing__(self, path: str) -> Array:
        for known in self:
            if old_path(known) == path:
                warn_renamed(repr(path), repr(known))
                return self[known]
        error = KeyError(path)
        near = nearest(path, self) if isinstance(path, str) else ""
        error.add_note(f"did you mean {near!r}?" if near else f"the names are {', '.join(self)}")
        raise error
