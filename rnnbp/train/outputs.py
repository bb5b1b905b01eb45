"""The outputs of a model over a source, collected in the order of its data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias, final

import numpy as np

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsOf
from rnnbp.numerics import Array, ShapeError
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.train.data import Sequences
from rnnbp.train.examples import Examples
from rnnbp.train.row_options import axis_of_input
from rnnbp.train.source import Source
from rnnbp.train.windows import Windows

Collected: TypeAlias = (
    Array | list[Array] | tuple[Array | list[Array], ...] | dict[str, Array | list[Array]]
)
"""The outputs over a source: those of one, or in the form of several."""


@final
class EachOutput:
    """The outputs of a model, of which it may have several, over the batches of a source.

    Args:
        last: True for the last step of outputs that are series.
    """

    def __init__(self, what: str, source: Source, graph: Graph, *, last: bool) -> None:
        self.form, axes = OutputForm.of_graph(graph), value_axes(graph)
        self.found = [
            Outputs(what, source, last=last or not axes[k], axis=_axis_of(source, graph, axes[k]))
            for k in graph.outputs
        ]

    def add(self, y: InputsOf, *, fresh: bool) -> None:
        """Add the outputs of a batch, in the form in which ``predict`` returns them."""
        parts = y.values() if isinstance(y, dict) else y if isinstance(y, tuple) else (y,)
        for outputs, part in zip(self.found, parts, strict=True):
            outputs.add(part, fresh=fresh)

    def joined(self) -> Collected:
        """All outputs."""
        return self.form.form([outputs.joined() for outputs in self.found])


def _axis_of(source: Source, graph: Graph, axis: str) -> int:
    """The number of the time axis of a source that an axis of the model is."""
    if not isinstance(source, Sequences) or len(source.axes) == 1:
        return 0
    named = [any(axis_of_input(graph, key) == axis for key in each.keys) for each in source.axes]
    return named.index(True) if any(named) else 0


@final
class Outputs:
    """The outputs of the batches of a source, as they come.

    Args:
        what: the caller, for errors.
        source: whose batches come in the order of its data.
        last: True if outputs are those of the last steps, (B, ...), else (T, B, ...).
        axis: the number of the time axis of ``Sequences`` that they have.
    """

    def __init__(self, what: str, source: Source, *, last: bool, axis: int = 0) -> None:
        self.what, self.source, self.last = what, source, last
        self._whole: _Rows | None = None
        if isinstance(source, Sequences) and not last:
            own = source.axes[axis]
            if source.listed or own.lengths is not None:
                self._whole = _Ended(own.ends, None if source.listed else own.lead.steps)
            else:
                self._whole = _Whole(source.rows)
        elif isinstance(source, (Sequences, Examples)):
            self._whole = _Whole(source.rows)
        self._groups: list[list[Array]] = []

    def add(self, y: Array, *, fresh: bool) -> None:
        """Add the outputs of a batch; they continue those before unless ``fresh``."""
        y = y if self.last else y.swapaxes(0, 1)
        if self._whole is not None:
            of_steps = isinstance(self.source, Examples) and not self.last
            self._whole.add(y[:, 0] if of_steps else y)
        elif fresh or not self._groups:
            self._groups.append([y])
        else:
            self._groups[-1].append(y)

    def joined(self) -> Array | list[Array]:
        """All outputs, as ``predict`` returns them for a source."""
        if self._whole is not None:
            return self._whole.joined()
        return _joined(self.what, self.source, self._groups, last=self.last)


class _Rows(ABC):
    """The outputs of rows that come in order."""

    @abstractmethod
    def add(self, y: Array) -> None:
        """Add the next rows, (B, ...)."""

    @abstractmethod
    def joined(self) -> Array | list[Array]:
        """Those of all rows."""


@final
class _Ended(_Rows):
    """Outputs (T_k, ...) of sequences that end: a list of them, or padded to ``steps``."""

    def __init__(self, lengths: Array, steps: int | None) -> None:
        self.lengths, self.steps = lengths.tolist(), steps
        self.found: list[Array] = []

    def add(self, y: Array) -> None:
        for each in y:
            self.found.append(each[: self.lengths[len(self.found)]].copy())

    def joined(self) -> Array | list[Array]:
        if self.steps is None:
            return self.found
        first = self.found[0]
        padded = np.zeros((len(self.found), self.steps, *first.shape[1:]), first.dtype)
        for row, each in zip(padded, self.found, strict=True):
            row[: len(each)] = each
        return padded


@final
class _Whole(_Rows):
    """The outputs of ``rows`` rows, written to their places as they come."""

    def __init__(self, rows: int) -> None:
        self.rows, self.at = rows, 0
        self.array = np.empty(0)

    def add(self, y: Array) -> None:
        """Write the next rows."""
        if not self.at:
            self.array = np.empty((self.rows, *y.shape[1:]), y.dtype)
        self.array[self.at : self.at + len(y)] = y
        self.at += len(y)

    def joined(self) -> Array | list[Array]:
        return self.array


def _joined(
    what: str, source: Source, groups: list[list[Array]], *, last: bool
) -> Array | list[Array]:
    """Outputs of groups of batches that continue, (B, T, ...) or (B, ...), as one array."""
    if last:
        of_sequences: Array = np.concatenate([y for group in groups for y in group])
        return of_sequences
    whole = [np.concatenate(group, axis=1) if len(group) > 1 else group[0] for group in groups]
    if isinstance(source, Windows):  # lanes, one after the other
        streams = [y.reshape(-1, *y.shape[2:]) for y in whole]
        if source.join:
            return np.split(streams[0], source.begins(len(streams[0])))
        return streams if source.listed else streams[0]
    lengths = sorted({y.shape[1] for y in whole})
    if len(lengths) > 1:
        raise ShapeError(
            f"{what}: batches are of {', '.join(map(str, lengths))} steps, whose outputs are no "
            "one array; give last=True, or take them one by one: [rb.predict(model, batch.x)[0] "
            "for batch in data]"
        )
    found: Array = np.concatenate(whole)
    return found
