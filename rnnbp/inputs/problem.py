"""A run's model, x and initial state, in chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rnnbp.graph.graph import Graph
from rnnbp.inputs.series import Series
from rnnbp.inputs.states import States
from rnnbp.numerics import (
    Array,
    Dtype,
    Shape,
    readable,
)
from rnnbp.runners.backend import Backend


@dataclass(frozen=True)
class Problem:
    """A model, its input (T, B, ...) and initial state, in chunks; the last may be shorter."""

    model: Graph
    x: Series
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
        where = self.x_shape, self.steps, self.batch, self.chunk, self.dtype, self.backend
        return shapes, *where, self.training

    def numbers(self) -> Iterator[int]:
        """The chunks, in order; of a stream, as they come."""
        n, more = 0, True
        while more:
            more = self.x.has((n + 1) * self.chunk)  # and so all of chunk n is there
            yield n
            n += 1

    def span(self, n: int) -> slice:
        """The steps of chunk n."""
        return slice(n * self.chunk, min((n + 1) * self.chunk, self.steps))

    def length(self, n: int) -> int:
        """Steps in chunk n."""
        return min((n + 1) * self.chunk, self.steps) - n * self.chunk

    def inputs(self, n: int, many: int = 1) -> Array:
        """x of ``many`` chunks from n on, as machine code reads it: aligned, in C order, floats in
        the model's dtype.

        No copy of floats that lie so already. Symbols are copied, as int64, and must be looked at
        after that: a caller's own may change at any moment.

        Raises StorageError where the caller's file was cut short.
        """
        span = slice(self.span(n).start, self.span(n + many - 1).stop)
        found = self.x.read(span)
        if self.floats or self.x.fresh:
            x = readable(found, self.dtype if self.floats else found.dtype).view()
        else:
            x = np.array(found, np.int64, order="C")
        x.setflags(write=False)  # it may be the caller's own memory
        return x
