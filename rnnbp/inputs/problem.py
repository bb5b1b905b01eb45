"""A run's model, x and initial state, in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rnnbp.graph.graph import Graph
from rnnbp.inputs.held import Held
from rnnbp.inputs.other_inputs import NO_OTHERS, OtherInputs
from rnnbp.inputs.rows import Rows
from rnnbp.inputs.series import Series
from rnnbp.inputs.states import States
from rnnbp.layers.base import Given
from rnnbp.numerics import (
    Array,
    Dtype,
    Shape,
    ShapeError,
    readable,
)
from rnnbp.runners.backend import Backend
from rnnbp.support.lazy import cached_property


@dataclass(frozen=True)
class Problem:
    """A model, its inputs and initial state, in chunks; the last may be shorter."""

    model: Graph
    x: Series
    """The first input that has a value at each step, (T, B, ...)."""
    dtype: Dtype
    chunk: int
    state: States
    given: tuple[bool, ...]
    """For each Recurrent, whether its initial state was given; if not it is zeros or learned."""
    output_shape: Shape
    backend: Backend = field(default_factory=Backend)
    lent: int = 0
    """Bytes of the initial states that are the caller's own arrays."""
    training: bool = True
    """False in evaluation mode."""
    others: OtherInputs = NO_OTHERS
    """The inputs apart from x."""
    rows: Rows | None = None
    """The lengths of the rows of the batch; None if all rows have all steps."""

    @property
    def known(self) -> bool:
        """Whether T is known before all of x has come."""
        return self.x.known

    @property
    def steps(self) -> int:
        """T; of a stream of unknown length, as many as have come."""
        return self.x.steps

    @property
    def batch(self) -> int:
        return self.x.shape[0]

    @property
    def x_shape(self) -> Shape:
        """The feature shape of x."""
        return self.x.shape[1:]

    @property
    def shapes(self) -> tuple[Shape, ...]:
        """The feature shapes of all inputs."""
        return self.others.shapes(self.x_shape)

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """The inputs that have a value at each step, x first."""
        return (self.x, *self.others.series.values())

    @property
    def floats(self) -> bool:
        """Whether x is floats."""
        return self.x.dtype.kind in "fc"

    @property
    def chunks(self) -> int:
        return math.ceil(self.steps / self.chunk)

    @property
    def kind(self) -> tuple[object, ...]:
        """What runs that take memory alike have in common."""
        shapes = tuple(
            [(name, owner[key].shape) for name, (owner, key) in self.model.slots.items()]
        )
        sizes = self.steps, self.batch, self.chunk, self.dtype, self.backend
        return shapes, self.x_shape, *sizes, self.others.kind, self.training

    def lent_arrays(self) -> list[Array]:
        """The inputs that are the caller's own arrays."""
        found = [part.array for part in self.series if isinstance(part, Held)]
        if self.others.static:
            given = self.others
            found += [array for k, array in given.static.items() if k not in given.copied]
        return [array for array in found if array is not None]

    def numbers(self) -> Iterator[int]:
        """The chunks, in order; of a stream, as they come."""
        n, more = 0, True
        while more:
            more = self.x.has((n + 1) * self.chunk)  # and so all of chunk n is there
            yield n
            n += 1
        self.check_end()

    def close(self) -> None:
        """Remove what streams have on disk."""
        for part in self.series:
            part.close()

    def check_end(self) -> None:
        """Raise ShapeError where an input goes on after x has ended."""
        for k, part in self.others.series.items():
            if part.has(self.steps):
                label = self.others.form.label
                raise ShapeError(
                    f"{label(k)} goes on after {label(self.others.x)} has ended, at {self.steps} "
                    "steps; end them alike"
                )

    def span(self, n: int) -> slice:
        """The steps of chunk n."""
        return slice(n * self.chunk, min((n + 1) * self.chunk, self.steps))

    def length(self, n: int) -> int:
        """Steps in chunk n."""
        return min((n + 1) * self.chunk, self.steps) - n * self.chunk

    def live(self, n: int) -> int:
        """The rows of chunk n, which are the first of the batch: those that have its first step."""
        return self.batch if self.rows is None else self.rows.live(n * self.chunk)

    def inputs(self, n: int, many: int = 1) -> Array:
        """x of ``many`` chunks from n on, as machine code reads it: aligned, in C order, floats in
        the model's dtype.

        No copy of floats that lie so already. Symbols are copied, as int64, and must be looked at
        after that: a caller's own may change at any moment.

        Raises StorageError where the caller's file was cut short.
        """
        return self._read(self.x, slice(self.span(n).start, self.span(n + many - 1).stop))

    def fill(self, values: list[Given], n: int) -> None:
        """Put the other inputs that have a value at each step where those of chunk n go."""
        for k, part in self.others.series.items():
            values[k] = self._read(part, self.span(n))

    def _read(self, part: Series, span: slice) -> Array:
        found, floats = part.read(span), part.dtype.kind in "fc"
        if floats or part.fresh:
            x = readable(found, self.dtype if floats else found.dtype).view()
        else:
            x = np.array(found, np.int64, order="C")
        x.setflags(write=False)  # it may be the caller's own memory
        return x
