"""What is done in a step: jobs in machine code, and nodes that run by Python, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias, final

import numpy as np

from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import Values
from rnnbp.graph.recurrent import Recurrent
from rnnbp.machine.team.chain import Chain, Check
from rnnbp.numerics import Array, Shape
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.tapes import State
from rnnbp.stepping.by_python import ByLayer, ByPython, ByRunner
from rnnbp.stepping.step_chunks import StepChunks

Operation: TypeAlias = Callable[[], object]
INDEX = np.dtype(np.int64)


@final
class Operations:
    """The nodes of a model bound to arrays.

    Args:
        chunks: of a problem of one chunk, with weights packed.
        inputs: by number of an input that is a series, the array (L, B, ...) that it is read from.
        checks: of these, for machine code.
        native: whether there is machine code.

    Attributes:
        values: all values of the model; those of Python's nodes change with each step.
        places: by number, the values that stay where they are.
        states: of each Recurrent, in order, the arrays that hold its state.
        chain: what machine code does first, the checks with it; None where there is none.
        order: what is done after that.
    """

    def __init__(
        self,
        chunks: StepChunks,
        inputs: dict[int, Array],
        checks: Sequence[Check],
        *,
        native: bool,
    ) -> None:
        self.chunks, problem = chunks, chunks.problem
        self.lead: Shape = (problem.steps, problem.batch)
        self.values: Values = [*chunks.fixed.known]
        self.places = {k: v for k, v in enumerate(self.values) if v is not None} | inputs
        for k, held in inputs.items():
            self.values[k] = held
        self.states: list[State] = []
        self.chain = Chain(checks, []) if native else None
        self.order: list[Operation] = []
        self._checks, self._jobs = checks, list[BoundCall]()
        for node in (*chunks.parts.body, *chunks.parts.tail):
            if isinstance(node.block, Recurrent):
                self._recurrent(node, node.block)
            elif not self._renamed(node) and not self._layer(node):
                places = [self._new(k) for k in node.outs]
                self._python(ByLayer(node, chunks, self.values, places))
        self._close()

    def _renamed(self, node: Node) -> bool:
        """True for symbols that a Recurrent looks up in a table that has all, in their order."""
        arg = self.places.get(node.args[0])
        if node.number not in self.chunks.tables or arg is None or arg.dtype != INDEX:
            return False
        self._stays(node.outs[0], arg)
        return True

    def _layer(self, node: Node) -> bool:
        """True for a layer outside cells that machine code runs."""
        kernel, y = self.chunks.layers.get(node.number), self._new(node.outs[0])
        if kernel is None or y is None or node.args[0] not in self.places:
            return False
        return self._job(kernel.bound(self.places[node.args[0]], y), node, y)

    def _recurrent(self, node: Node, block: Recurrent) -> None:
        program, y = self.chunks.programs[node.number], self._new(node.outs[0])
        found = None
        if y is not None and all(k in self.places for k in node.args):
            found = program.bound(self._inputs(node), y)
        if found is not None and y is not None:
            self._job(found, node, y)
            self.states.append(found.states)
            return
        batch, dtype = self.lead[1], self.chunks.problem.dtype
        state = [np.zeros((batch, *shape), dtype) for shape in block.cell.state_shapes]
        self.states.append(tuple(state))
        self._python(ByRunner(node, self.chunks, self.values, [y], self.states[-1]))

    def _inputs(self, node: Node) -> list[Array]:
        """The inputs of a Recurrent, as its cell reads them."""
        found = [self.places[k] for k in node.args]
        for arg in self.chunks.parts.widened.get(node.number, ()):
            spread = arg.spread(found[arg.position], *self.lead)
            found[arg.position] = np.ascontiguousarray(spread)
        return found

    def _new(self, k: int) -> Array | None:
        """A new array for a value; None where its shape is not known before it has run."""
        shape, dtype = self.chunks.shapes[k], self.chunks.problem.dtype
        return None if shape is None else np.zeros((*self.lead, *shape), dtype)

    def _stays(self, k: int, place: Array) -> None:
        self.values[k] = self.places[k] = place

    def _job(self, found: BoundCall | None, node: Node, y: Array) -> bool:
        """Append what machine code does; False for None."""
        if found is not None:
            self._jobs.append(found)
            self._stays(node.outs[0], y)
        return found is not None

    def _python(self, operation: ByPython) -> None:
        """Append what Python does."""
        self._close()
        self.order.append(operation)
        for k, place in zip(operation.node.outs, operation.places, strict=True):
            if place is not None:
                self._stays(k, place)

    def _close(self) -> None:
        """Let the jobs so far be one call."""
        if not self._jobs:
            return
        jobs, n = [job.numbers for job in self._jobs], max(job.threads for job in self._jobs)
        kept, self._jobs = self._jobs, []
        if self.order:
            self.order.append(Chain((), jobs, n, kept).run)
        else:
            self.chain = Chain(self._checks, jobs, n, kept)
