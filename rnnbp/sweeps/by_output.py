"""What is passed, and returned, for each output of a network: one, a tuple, or a dict by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar, final

from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import SeriesLike
from rnnbp.numerics import ShapeError, shown
from rnnbp.support.nearest import hint

T = TypeVar("T")
Each: TypeAlias = SeriesLike
"""What is passed for one output, which is checked by whoever takes it."""


@final
@dataclass(frozen=True)
class OutputForm:
    """The outputs of a network.

    Attributes:
        names: of the outputs, "" for one without.
    """

    names: tuple[str, ...]

    @classmethod
    def of_graph(cls, graph: Graph) -> OutputForm:
        """Those of a graph."""
        return cls(graph.output_names or ("",) * graph.n_outputs)

    def __len__(self) -> int:
        return len(self.names)

    def label(self, what: str, k: int) -> str:
        """The words for an argument of output k in errors."""
        if len(self) == 1 and not self.names[0]:
            return what
        return f"{what}[{self.key(k)!r}]"

    def key(self, k: int) -> str | int:
        """What output k is called in results: its name, or its number."""
        return self.names[k] or k

    def form(self, found: Sequence[T]) -> T | tuple[T, ...] | dict[str, T]:
        """One thing for each output: a dict where they have names, a tuple of several."""
        if all(self.names):
            return dict(zip(self.names, found, strict=True))
        return found[0] if len(found) == 1 else tuple(found)

    def parts(self, what: str, given: Each, *, each: bool) -> list[Each]:
        """What is passed for each output, in order; None for one for which nothing is.

        Args:
            what: the name of the argument.
            given: one thing, a tuple or list in order, or a dict by name.
            each: True if a dict must have something for each output, None too.

        Raises TypeError, ShapeError or ValueError for a form that does not fit.
        """
        if isinstance(given, dict):
            return self._named(what, given, each=each)
        if len(self) == 1:
            return [given]
        if given is None and not each:
            return [None] * len(self)
        if not isinstance(given, tuple | list):
            raise TypeError(
                f"the model has {len(self)} outputs, {self.listed}; {what} must be a tuple with one "
                f"for each, in that order, or a dict by name, found {shown(given)}"
            )
        if len(given) != len(self):
            raise ShapeError(
                f"the model has {len(self)} outputs, {self.listed}, found {len(given)} in {what}; "
                "give one for each, None for one that is not trained"
            )
        return list(given)

    def _named(self, what: str, given: dict[str, Each], *, each: bool) -> list[Each]:
        if not all(self.names):
            raise TypeError(
                f"{what} is a dict, and outputs of the model have no names; give a tuple in order, "
                "or build it as Graph(inputs, {'name': output, ...})"
            )
        for key in given:
            if key not in self.names:
                raise ValueError(
                    f"{what} has {key!r}, which is no output of the model{hint(key, self.names)}; "
                    f"it has {self.listed}"
                )
        missing = [name for name in self.names if name not in given]
        if missing and each:
            raise ValueError(
                f"{what} has nothing for the output {missing[0]!r}; give one for each, None for an "
                "output that is not trained"
            )
        return [given.get(name) for name in self.names]

    @property
    def listed(self) -> str:
        """The names or numbers, for errors."""
        return ", ".join(repr(name) if name else str(k) for k, name in enumerate(self.names))
