"""One chunk of a model, forward and backward: what the actions of a schedule do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from rnnbp.bptt.problem import Problem, recurrents
from rnnbp.bptt.results import Accumulators, States
from rnnbp.graph import Deltas, Node, add_deltas, backward_node, forward_node, take_deltas
from rnnbp.interpreter import Interpreter, Tape
from rnnbp.layout import Layout
from rnnbp.ledger import Ledger
from rnnbp.numerics import Array
from rnnbp.recurrent import Recurrent
from rnnbp.rng import Context

ChunkLoss: TypeAlias = Callable[[Array, int], tuple[Any, Array]]
"""(y, n) -> (value, dy) of chunk n."""
DeltaStates: TypeAlias = dict[int, tuple[Array | None, ...]]
"""By node number, the deltas of a Recurrent's state; None is zero."""


@dataclass(slots=True)
class ChunkTape:
    """The internals of a chunk: of each body node what it kept, and the values that the tail starts from."""

    saved: list[Any]
    frontier: dict[int, Array]

    def arrays(self) -> list[Any]:
        """All that it holds, as a nest of arrays."""
        return [part.arrays() if isinstance(part, Tape) else part for part in self.saved] + [self.frontier]


class Chunks:
    """Runs chunks of a problem.

    The nodes that feed a state, the body, run when a chunk is recorded. The rest, the tail (the head, as
    a rule), runs when the chunk goes backward: so logits exist for one chunk at a time.
    """

    def __init__(self, problem: Problem, *, seed: int, training: bool, ledger: Ledger) -> None:
        self.problem, self.model, self.ledger = problem, problem.model, ledger
        self.seed, self.training = seed, training
        self.recurrent = recurrents(self.model)
        fed = [k for node in self.recurrent for k in node.args]
        numbers = {node.number for node in (*self.model.ancestors(fed), *self.recurrent)}
        self.body = tuple(node for node in self.model.nodes if node.number in numbers)
        self.tail = tuple(node for node in self.model.nodes if node.number not in numbers)
        made = {0} | {k for node in self.body for k in node.outs}
        wanted = {k for node in self.tail for k in node.args} | set(self.model.outputs)
        self.frontier = sorted(made & wanted)
        self.fed = {k for node in self.body for k in node.args}
        self.programs = {node.number: Interpreter(layout) for node, layout in self._layouts()}

    def advance(self, n: int, states: States) -> States:
        """The state after chunk n."""
        return self._run_body(n, states, keep=False)[0]

    def record(self, n: int, states: States) -> tuple[States, ChunkTape]:
        """The state after chunk n, and its tape."""
        after, saved, values = self._run_body(n, states, keep=True)
        return after, ChunkTape(saved, {k: values[k] for k in self.frontier})

    def outputs(self, n: int, states: States) -> tuple[States, Array]:
        """The state after chunk n, and the model's output for it."""
        after, _, values = self._run_body(n, states, keep=False, output=True)
        for node in self.tail:
            forward_node(node, values, self._context(n))
        return after, values[self.model.outputs[0]]

    def backward(
        self, n: int, tape: ChunkTape, loss: ChunkLoss, dstates: DeltaStates, grads: Accumulators
    ) -> tuple[Any, Array | None]:
        """(loss, dx) of chunk n; ``dstates`` goes from the state after it to the state before it."""
        values: list[Any] = [None] * self.model.n_values
        for k, value in tape.frontier.items():
            values[k] = value
        saved = [forward_node(node, values, self._context(n)) for node in self.tail]
        value, dy = loss(values[self.model.outputs[0]], n)
        work = [values, saved, dy]
        self.ledger.hold("workspace", work)
        deltas: Deltas = [None] * self.model.n_values
        deltas[self.model.outputs[0]] = dy
        for node, kept in zip(reversed(self.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas, grads)
        for node, kept in zip(reversed(self.body), reversed(tape.saved), strict=True):
            if isinstance(node.block, Recurrent):
                dy = take_deltas(node, deltas)
                program = self.programs[node.number]
                dx, dstates[node.number] = program.backward(kept, dy, dstates[node.number], grads)
                add_deltas(node, (dx,), deltas)
            else:
                self._backward_layer(node, kept, deltas, grads)
        self.ledger.release(work)
        return value, deltas[0]

    def _backward_layer(self, node: Node, saved: Any, deltas: Deltas, grads: Accumulators) -> None:
        dy = backward_node(node, saved, deltas)
        layer: Any = node.block
        if dy is not None and layer.params:
            grads.add(layer.params, layer.backward_params(saved, dy))

    def _run_body(
        self, n: int, states: States, *, keep: bool, output: bool = False
    ) -> tuple[States, list[Any], list[Any]]:
        """Run the body on chunk n; an output that only the tail needs is left out unless kept or asked for."""
        values: list[Any] = [self.problem.inputs(n), *[None] * (self.model.n_values - 1)]
        entering, after = iter(states), []
        kept: list[Any] = []
        for node in self.body:
            if isinstance(node.block, Recurrent):
                program, (k,), (out,) = self.programs[node.number], node.args, node.outs
                state, context = next(entering), self._context(n, node)
                if keep:
                    values[out], tape = program.record(values[k], state, context)
                    kept.append(tape)
                    state = tape.leaving
                else:
                    needed = output or not self.fed.isdisjoint(node.outs)
                    values[out], state = program.advance(values[k], state, context, output=needed)
                after.append(state)
            else:
                kept.append(forward_node(node, values, self._context(n)))
        return tuple(after), kept, values

    def _layouts(self) -> Iterator[tuple[Node, Layout]]:
        shapes = self.model.value_shapes(self.problem.x.shape[2:])
        for node in self.recurrent:
            if isinstance(node.block, Recurrent):
                x_shape = shapes[node.args[0]]
                assert x_shape is not None
                yield node, Layout(node.block.cell, x_shape, self.problem.batch, self.problem.dtype)

    def _context(self, n: int, node: Node | None = None) -> Context:
        """Places of a model's own nodes are their numbers; each Recurrent has a range of its own."""
        span = self.problem.span(n)
        place = 0 if node is None else (node.number + 1) << 20
        return Context(self.seed, span.start, span.stop - span.start, place, self.training)
