"""Several inputs as they are passed to a source, and which of them are static."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias, TypeGuard

from rnnbp.inputs.passed import Form
from rnnbp.numerics import shown
from rnnbp.support.nearest import hint
from rnnbp.train.rows import Data, Rows, rows
from rnnbp.train.several_rows import SeveralRows

Several: TypeAlias = dict[str, Data] | tuple[Data, ...]
"""The inputs of a model of several: by name, or in order."""
Static: TypeAlias = Sequence[str | int] | str | None
"""The inputs that are static: names of a dict, numbers of a tuple."""


def are_several(x: object, static: Static) -> TypeGuard[Several]:
    """True for a dict, and for a tuple where ``static`` says which of its parts are static."""
    return isinstance(x, dict) or (isinstance(x, tuple) and static is not None)


def refuse_static(place: str, static: Static) -> None:
    """Raise TypeError for names of static inputs where x is one input."""
    if named_static(place, static):
        raise TypeError(
            f"{place}: static is for several inputs, and x is one; give a dict of them by name, or "
            "a tuple in order"
        )


def named_static(place: str, static: Static) -> tuple[str | int, ...]:
    """The names and numbers in ``static``. Raises TypeError for a value in their place."""
    given: object = static
    if given is None:
        return ()
    names = (given,) if isinstance(given, str | int) else given
    if not isinstance(names, Collection) or not all(isinstance(k, str | int) for k in names):
        raise TypeError(
            f"{place}: static has the names of inputs of x, found {shown(given)}; give the inputs "
            "as x, as {'x': x, 's': s}, and static=['s']"
        )
    return tuple([k for k in names if isinstance(k, str | int)])


def static_numbers(place: str, form: Form, count: int, static: Static) -> frozenset[int]:
    """The numbers of the static inputs. Raises ValueError for what is no input."""
    known: tuple[str | int, ...] = form.keys or tuple(range(count))
    given = named_static(place, static)
    for key in given:
        if key not in known:
            near = hint(key, [k for k in known if isinstance(k, str)])
            raise ValueError(
                f"{place}: static names {shown(key)}, which is no input of x{near}; it has "
                f"{', '.join(map(repr, known))}"
            )
    return frozenset(known.index(key) for key in given)


def split_up(place: str, given: Several, static: Static) -> tuple[list[Data], Form, frozenset[int]]:
    """(the inputs in order, the form in which they are passed, the numbers of the static ones).

    Raises ValueError where ``static`` names what is no input, or leaves no series.
    """
    keys = tuple(map(str, given)) if isinstance(given, dict) else None
    values = [*given.values()] if isinstance(given, dict) else [*given]
    form = Form(several=True, keys=keys)
    numbers = static_numbers(place, form, len(values), static)
    if len(numbers) == len(values):
        raise ValueError(
            f"{place}: x has no input with a value at each step; leave one out of static"
        )
    return values, form, numbers


def several_rows(
    place: str,
    given: Several,
    static: Static,
    series: Callable[[str, object], Rows],
    axes: int,
) -> SeveralRows:
    """Several inputs, each with its rows along axis 0.

    Args:
        place: the class of the source, for errors.
        given: by name, or in order.
        static: as of the source.
        series: returns a series as rows, from its label and what is passed.
        axes: those that series have in common, 2 where the second are steps.

    Raises ShapeError for inputs of other rows, ValueError without a series.
    """
    values, form, numbers = split_up(place, given, static)
    parts = [
        rows(f"{place}: {form.label(k)}", each, numbers=True)
        if k in numbers
        else series(form.label(k), each)
        for k, each in enumerate(values)
    ]
    found = SeveralRows(tuple(parts), numbers, form)
    found.check(place, axes)
    return found
