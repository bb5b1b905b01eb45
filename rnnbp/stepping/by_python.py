"""Nodes of a step that run by Python."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import Values
from rnnbp.numerics import Array
from rnnbp.runners.tapes import State
from rnnbp.stepping.step_chunks import StepChunks


class ByPython(ABC):
    """A node that runs by Python.

    Args:
        values: of the model, where its outputs are put.
        places: for each output, the array that it is copied to, for machine code.
    """

    def __init__(
        self, node: Node, chunks: StepChunks, values: Values, places: Sequence[Array | None]
    ) -> None:
        self.node, self.chunks, self.values, self.places = node, chunks, values, places

    def __call__(self) -> None:
        """Run it."""
        self.run()
        for k, place in zip(self.node.outs, self.places, strict=True):
            if place is not None:
                found = self.values[k]
                np.copyto(place, found, casting="unsafe")  # integers, or the same dtype
                self.values[k] = place if found.dtype == place.dtype else found

    @abstractmethod
    def run(self) -> None:
        """Put its outputs among the values."""


@final
class ByLayer(ByPython):
    """A layer that runs by its own method."""

    def run(self) -> None:
        self.chunks.run_layer(self.node, self.values)


@final
class ByRunner(ByPython):
    """A Recurrent whose runner is called; ``state`` holds its state."""

    def __init__(
        self,
        node: Node,
        chunks: StepChunks,
        values: Values,
        places: Sequence[Array | None],
        state: State,
    ) -> None:
        super().__init__(node, chunks, values, places)
        self.state = state

    def run(self) -> None:
        y = self.chunks.run_recurrent(self.node, self.values, self.state)
        self.values[self.node.outs[0]] = y
