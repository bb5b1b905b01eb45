"""Several inputs of a source: by name or in order, series and static ones, along their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import final

from rnnbp.inputs.given import InputsOf
from rnnbp.inputs.passed import Form
from rnnbp.numerics import Array, Dtype, Shape, ShapeError
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.rows import Rows


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
        """Raise ShapeError unless the inputs have the same rows, and series what follows them.

        Series (N, T, ...) may differ in T, but for floats (N, n), which are rather static.
        """
        series = [k for k in range(len(self.parts)) if k not in self.static]
        first = next((k for k in series if _has_features(self.parts[k])), series[0])
        lead = self.parts[first := first if axes > 1 else series[0]].shape[:axes]
        for k, part in enumerate(self.parts):
            free = k in self.static or _has_features(part)
            expected = lead[:1] if free or axes == 1 else lead
            if part.shape[: len(expected)] != expected:
                cure = f"if it has one value for each sequence say {self.as_static(k)}"
                if k in self.static or part.shape[:1] != lead[:1]:
                    cure = "give one for each"
                raise ShapeError(
                    f"{place}: {self.form.label(k)} must begin with the axes {expected} of "
                    f"{self.form.label(first)}, found shape {part.shape}; {cure}"
                )

    def as_static(self, k: int) -> str:
        """The option that says that input k is static too, as code."""
        return f"static={[self.form.key(n) for n in sorted({*self.static, k})]}"

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

    def with_series(self, change: Callable[[str, Rows], Rows]) -> SeveralRows:
        """The same inputs, with what ``change`` returns of the label and rows of each series."""
        parts = [
            part if k in self.static else change(self.form.label(k), part)
            for k, part in enumerate(self.parts)
        ]
        return replace(self, parts=tuple(parts))

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


def _has_features(part: Rows) -> bool:
    """True for a series that has features after its steps, or whole numbers, as symbols."""
    return isinstance(part, EndedRows) or part.ndim > 2 or part.dtype.kind in "iub"


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
