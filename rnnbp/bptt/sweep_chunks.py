"""One chunk of a sweep: its actions, with the outputs that are taken on the first pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from rnnbp.bptt.beside_chunks import BesideChunks
from rnnbp.bptt.chunk_tapes import ChunkStates, ChunkTape
from rnnbp.graph.first_pass import first_pass
from rnnbp.graph.node_checks import Values
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array

Outputs: TypeAlias = list[Array | None]
"""For each output of the sweep its values in a chunk; None if they are not wanted."""


class SweepChunks(BesideChunks):
    """Runs chunks of a sweep.

    Args:
        wanted: for each output, whether its values are taken on the first pass.
    """

    def __init__(
        self,
        problem: Problem,
        wanted: Sequence[bool],
        *,
        seed: int,
        training: bool,
        memory: Reuse | None = None,
    ) -> None:
        super().__init__(problem, seed=seed, training=training, memory=memory)
        self.wanted = tuple(wanted)
        self.first = first_pass(self.parts, self.wanted)
        # What is taken must be the same bits whether or not the chunk is recorded then.
        self.remade -= {k for k in self.first.fed if self.programs[k].rounds_output}

    def leave(self, n: int, states: States) -> States:
        """The states that enter the chunk after n, from those after chunk n."""
        return states

    def ended(self, states: States) -> States:
        """The final states of all rows, from what ``leave`` returned of the last chunk."""
        return states

    def advance_taken(self, n: int, states: States) -> tuple[States, Outputs]:
        """(the state after chunk n, the outputs that are wanted)."""
        after, values = self._run(n, states, self.first.fed)
        return after, self._taken(n, values)

    def keep_taken(self, n: int, states: States) -> tuple[ChunkStates, Outputs]:
        """(the thin tape of chunk n, the outputs that are wanted)."""
        thin, values = self._keep(n, states, self.first.fed)
        return thin, self._taken(n, values)

    def record_taken(self, n: int, states: States) -> tuple[ChunkTape, Outputs]:
        """(the tape of chunk n, the outputs that are wanted)."""
        tape = self.record(n, states)
        return tape, self._outputs(self._tail(n, tape, self.first.tail)[0])

    def _taken(self, n: int, values: Values) -> Outputs:
        """Run what the wanted outputs need of the tail."""
        for node in self.first.tail:
            self._forward(node, values, n)
        return self._outputs(values)

    def _outputs(self, values: Values) -> Outputs:
        outputs = zip(self.parts.outputs, self.wanted, strict=True)
        return [values[k] if yes else None for k, yes in outputs]
