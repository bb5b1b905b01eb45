"""The runners of a model that is stepped: one chunk, in evaluation mode, forward only."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.bptt.chunk import Chunks
from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.problem import Problem
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array
from rnnbp.runners.tapes import State


@final
class StepChunks(Chunks):
    """Runs one node at a time; each Recurrent has a workspace of its own, where its state stays."""

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        shared = self.workspace
        for node in self.parts.recurrent:
            if node.number not in shared.apart:
                shared.apart[node.number] = shared.another()
            shared.apart[node.number].threads = shared.threads

    def read(self, *, anew: bool) -> None:
        """Read the weights.

        Args:
            anew: True if they have been read before.
        """
        self.compute_fixed(keep=False)
        if anew:
            self.runners.renew()
        else:
            self.runners.prepare(self.problem.chunk)
        for number, table in self.tables.items():
            # All symbols at once, in order: a symbol is then its own number in the table.
            (layer,) = [node.block for node in self.model.nodes if node.number == number]
            assert isinstance(layer, Symbols)
            table.numbers(np.arange(layer.n_symbols))

    def run_layer(self, node: Node, values: Values) -> None:
        """Run a layer, from its arguments in ``values`` to its outputs there."""
        self._forward(node, values, 0)

    def run_recurrent(self, node: Node, values: Values, state: State) -> Array:
        """y (L, B, ...) of a Recurrent, whose ``state`` becomes that after the chunk."""
        xs, context = self._inputs(node, values, 0), self.context(0, node)
        y, after = self.programs[node.number].advance(xs, state, context, output=True)
        for held, new in zip(state, after, strict=True):
            np.copyto(held, new)
        assert y is not None
        return y
