"""What becomes of the outputs of a sweep, and of the deltas of its inputs, chunk by chunk."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

from rnnbp.graph.deltas import Deltas, send
from rnnbp.graph.node_checks import Values
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array


class Outlets(ABC):
    """Where the outputs of a sweep go, and where their deltas come from.

    Attributes:
        wanted: for each output, whether its values are taken when a chunk first goes forward.
    """

    wanted: tuple[bool, ...]

    @abstractmethod
    def take(self, n: int, ys: Sequence[Array | None]) -> None:
        """Take the outputs of chunk n, when it first goes forward: chunks come in order.

        Args:
            ys: (L, B, ...) for each output, None for those that are not ``wanted``. They may be
                views of memory that is used again: what is kept is a copy.
        """

    @abstractmethod
    def deltas(self, n: int, ys: Sequence[Array]) -> tuple[Scalar, Sequence[Array | None]]:
        """(part of the loss, the delta of each output) of chunk n, in the way back.

        Args:
            ys: (L, B, ...) for each output, the same bits as ``take`` got.

        A delta is None where it is zero. It is not changed until the chunk has gone backward.
        """


class InputDeltas(ABC):
    """Takes the deltas of one input of a sweep, chunk by chunk, from the last to the first."""

    def place(self, n: int) -> Array | None:
        """Where the delta of chunk n may be written, (L, B, ...) in C order, whose values do not
        matter; None for an array of its own.
        """
        return None

    @abstractmethod
    def take(self, n: int, dx: Array | None) -> None:
        """Take the delta of chunk n, (L, B, ...): None for zero, or perhaps the ``place`` itself."""


@final
class OutletLoss:
    """The deltas of all outputs of a sweep, as ``Chunks.backward`` takes them.

    Args:
        outputs: their numbers among the values of its graph; one may be there twice.
    """

    def __init__(self, outlets: Outlets, outputs: Sequence[int]) -> None:
        self.outlets, self.outputs = outlets, outputs

    def __call__(self, values: Values, n: int) -> tuple[Scalar, Deltas]:
        """Return (value, deltas of the graph's values) of chunk n."""
        deltas: Deltas = [None] * len(values)
        value, found = self.outlets.deltas(n, [values[k] for k in self.outputs])
        send(self.outputs, found, deltas)
        return value, deltas
