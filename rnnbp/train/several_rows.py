"""Several inputs of a source: by name or in order, series and static ones, along their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeGuard, final

from rnnbp.inputs.given import InputsOf
from rnnbp.inputs.passed import Form
from rnnbp.numerics import Array, Dtype, Shape, ShapeError, shown
from rnnbp.support.nearest import hint
from rnnbp.train.rows import Data, Rows, rows

Several: TypeAlias = dict[str, Data] | tuple[Data, ...]
"""The inputs of a model of several: by name, or in order."""
Static: TypeAlias = Sequence[str | int] | str | None
"""The inputs that are static: names of a dict, numbers of a tuple."""


def are_several(x: object, static: Static) -> TypeGuard[Several]:
    """True for a dict, and for a tuple where ``static`` says which of its parts are static."""
    return isinstance(x, dict) or (isinstance(x, tuple) and static is not None)


def static_numbers(place: str, form: Form, count: int, static: Static) -> frozenset[int]:
    """The numbers of the static inputs. Raises ValueError for what is no input."""
    known: tuple[str | int, ...] = form.keys or tuple(range(count))
    given = (static,) if isinstance(static, str) else static or ()
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


@final
@dataclass(frozen=True)
class SeveralRows:
    """Several inputs, each with its rows along axis 0.

    Attributes:
        parts: the inputs, in order.
        static: the numbers of those that are static.
        form: how they were passed.
    """

    parts: tuple[Rows, ...]
    static: frozenset[int]
    form: Form

    @property
    def first(self) -> int:
        """The number of the first series."""
        return min(k for k in range(len(self.parts)) if k not in self.static)

    def check(self, place: str, axes: int) -> None:
        """Raise ShapeError unless the inputs have the same rows, and series the same steps."""
        lead = self.shape[:axes]
        for k, part in enumerate(self.parts):
            expected = lead[:1] if k in self.static else lead
            if part.shape[: len(expected)] != expected:
                cure = "give one for each"
                if k not in self.static and part.shape[:1] == lead[:1]:
                    cure = "name it in static if it has one value for each sequence"
                raise ShapeError(
                    f"{place}: {self.form.label(k)} must begin with the axes {expected} of "
                    f"{self.form.label(self.first)}, found shape {part.shape}; {cure}"
                )

    @property
    def shape(self) -> Shape:
        """That of the first series."""
        return self.parts[self.first].shape

    def __len__(self) -> int:
        return self.shape[0]

    def of(
        self, of_series: Callable[[Rows], Array], of_static: Callable[[Rows], Array]
    ) -> InputsOf:
        """What is made of each input, in the form in which they were passed."""
        return self.form.of(
            [of_static(a) if k in self.static else of_series(a) for k, a in enumerate(self.parts)]
        )

    def features(self, axes: int) -> InputsOf:
        """The feature shapes: a series has ``axes`` axes before them."""
        return self.form.of(
            [a.shape[1 if k in self.static else axes :] for k, a in enumerate(self.parts)]
        )

    @property
    def how(self) -> tuple[object, ...]:
        """What a digest covers apart from the arrays."""
        return ("inputs", self.form.keys or len(self.parts), tuple(sorted(self.static)))

    @property
    def dtype(self) -> Dtype:
        """That of the first series."""
        return self.parts[self.first].dtype


def arrays_of(x: Rows | SeveralRows) -> Iterable[Rows]:
    """One array, or those of several inputs."""
    return x.parts if isinstance(x, SeveralRows) else (x,)


def inputs_of(x: Rows | SeveralRows) -> InputsOf:
    """One array, or several inputs in the form in which they were passed."""
    return x.form.of(x.parts) if isinstance(x, SeveralRows) else x


def series_of(x: Rows | SeveralRows) -> Iterable[Rows]:
    """The same without static inputs."""
    if isinstance(x, SeveralRows):
        return [part for k, part in enumerate(x.parts) if k not in x.static]
    return (x,)
