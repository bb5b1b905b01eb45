"""The inputs of a model as they are passed: one array, a tuple in order, or a dict by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, final

from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsLike, InputsOf
from rnnbp.numerics import ShapeError, shown
from rnnbp.support.nearest import hint

T = TypeVar("T")


@final
@dataclass(frozen=True)
class Form:
    """How inputs were passed, and so how what belongs to each of them is returned.

    Attributes:
        several: True for a tuple or a dict.
        keys: those of a dict, in the order of the model's inputs.
    """

    several: bool = False
    keys: tuple[str, ...] | None = None

    def label(self, k: int) -> str:
        """The words for input k in errors."""
        if not self.several:
            return "x"
        return f"x[{k}]" if self.keys is None else f"x[{self.keys[k]!r}]"

    def key(self, k: int) -> str | int:
        """The name of input k, or its number."""
        return k if self.keys is None else self.keys[k]

    def of(self, found: Sequence[T]) -> T | tuple[T, ...] | dict[str, T]:
        """One thing for each input, in the form in which the inputs were passed."""
        if not self.several:
            return found[0]
        return tuple(found) if self.keys is None else dict(zip(self.keys, found, strict=True))

    def parts(self, found: InputsOf) -> Sequence[InputsOf]:
        """What ``of`` was made of; of None one None for each that is passed."""
        if not self.several or found is None:
            return (found,)
        return found if self.keys is None else [found[key] for key in self.keys]


ONE = Form()
"""A model's only input, passed by itself."""


def passed(graph: Graph, x: InputsLike, what: str = "x") -> tuple[tuple[InputsLike, ...], Form]:
    """(the inputs of a model in order, the form in which they are passed).

    Args:
        what: the name of the argument, for errors.

    Raises TypeError for what is no tuple or dict where the model has several inputs, and for a dict
    where its only one has no name, ShapeError for too few or too many, ValueError for names that it
    does not have.
    """
    n = len(graph.pers)
    if isinstance(x, dict):
        return _by_name(graph, x, what)
    if n == 1:
        return (x,), ONE
    if not isinstance(x, tuple | list):
        raise TypeError(
            f"{graph} has {n} inputs, {_listed(graph)}; {what} must be a tuple with one for each, "
            f"in that order, or a dict by name, found {shown(x)}"
        )
    if len(x) != n:
        raise ShapeError(
            f"{graph} has {n} inputs, {_listed(graph)}, found {len(x)} in {what}; give one for each"
        )
    return tuple(x), Form(several=True)


def _by_name(
    graph: Graph, x: dict[str, InputsLike], what: str
) -> tuple[tuple[InputsLike, ...], Form]:
    names = graph.input_names
    nameless = [k for k, name in enumerate(names) if not name]
    if nameless and len(names) == 1:
        raise TypeError(
            f"{what} is a dict, and {graph} has one input, without a name; give the array, or the "
            "input a name, as Input(3, 'rain')"
        )
    if nameless:
        raise ValueError(
            f"{what} is a dict, and input {nameless[0]} of {graph} has no name; give a tuple in "
            "order, or a name to each, as Input(3, 'rain')"
        )
    for key in x:
        if key not in names:
            raise ValueError(
                f"{what} has {key!r}, which is no input of {graph}{hint(key, names)}; it has "
                f"{_listed(graph)}"
            )
    if missing := [name for name in names if name not in x]:
        raise ValueError(
            f"{what} has no {missing[0]!r}; {graph} takes {_listed(graph)}: give one for each"
        )
    return tuple([x[name] for name in names]), Form(several=True, keys=names)


def _listed(graph: Graph) -> str:
    """The inputs of a model, each by its name or number, with its axes."""
    lead = {"step": "(T, B, ...)", "sequence": "(B, ...)", "run": "(...)"}
    return ", ".join(
        f"{name or k} {lead[per]}"
        for k, (name, per) in enumerate(zip(graph.input_names, graph.pers, strict=True))
    )


def parts_of(x: InputsLike) -> tuple[InputsLike, ...]:
    """The inputs in a tuple or a dict, in its order; one alone as it is."""
    if isinstance(x, dict):
        return tuple(x.values())
    return x if isinstance(x, tuple) else (x,)
