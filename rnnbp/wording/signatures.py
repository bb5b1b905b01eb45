"""What a function takes, by name and by place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

Parameter = inspect.Parameter
TRANSPARENT = ("rnnbp.support.ieee", "rnnbp.wording.arguments")
"""Modules whose decorators hand on all arguments as they are."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes, self apart."""

    names: tuple[str, ...]
    """Of all arguments."""
    places: tuple[str, ...]
    """Those that may be given without their names."""
    needed: tuple[str, ...]
    """Those that must be given."""
    open: bool
    """True if there is no limit to arguments without names."""


def signature_of(
    function: Callable[..., object], more: tuple[str, ...] = (), *, method: bool = False
) -> Signature | None:
    """What a function takes, of a method less its object; None where that is not known.

    ``more`` are the names that it takes as ``**options``.
    """
    try:
        found = inspect.signature(_plain(function), follow_wrapped=False).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = [p.kind for p in found]
    if Parameter.VAR_KEYWORD in kinds and not more:
        return None
    single = [p for p in found if p.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)]
    single = single[1:] if method else single
    names = [p.name for p in single if p.kind is not Parameter.POSITIONAL_ONLY]
    return Signature(
        (*names, *(name for name in dict.fromkeys(more) if name not in names)),
        tuple([p.name for p in single if p.kind is not Parameter.KEYWORD_ONLY]),
        tuple([p.name for p in single if p.default is Parameter.empty]),
        Parameter.VAR_POSITIONAL in kinds,
    )


def _plain(function: Callable[..., object]) -> Callable[..., object]:
    """A function without those decorators that hand on all arguments as they are."""
    while getattr(function, "__globals__", {}).get(
        "__name__"
    ) in TRANSPARENT and "__wrapped__" in vars(function):
        function = vars(function)["__wrapped__"]
    return function


def parameters_of(kind: type) -> tuple[str, ...]:
    """The names of the arguments of a class, for a function that hands its options on."""
    return tuple(inspect.signature(kind).parameters)
