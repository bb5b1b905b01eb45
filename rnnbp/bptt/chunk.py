"""One chunk of a model, forward and backward: what the actions of a schedule do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any, TypeAlias

from rnnbp.bptt import last_steps
from rnnbp.bptt.results import Accumulators
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.layout import Layout, layouts
from rnnbp.graph.model_split import parts_of
from rnnbp.graph.node_calls import (
    Deltas,
    add_deltas,
    backward_node,
    check_outputs,
    forward_node,
    learn,
    read_off,
    take_deltas,
)
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.inputs.streams import Held
from rnnbp.layers.base import Layer
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Saved, fix_sizes, lies
from rnnbp.rng import Context
from rnnbp.runners.interpreter.run import Tape
from rnnbp.runners.select import dense, pack, runner, threads_of
from rnnbp.runners.tapes import ProgramTape
from rnnbp.runners.workspace import Workspace

TAPES = (Tape, ProgramTape)
AXES = 2
"""Axes of a value before its features: steps and batch."""
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
        found: list[Any] = [*self.frontier.values()]
        for part in self.saved:
            found += part.arrays() if isinstance(part, TAPES) else (part,)
        return found

    def entering(self) -> States:
        """The state before the chunk."""
        return tuple([part.entering for part in self.saved if isinstance(part, TAPES)])

    def leaving(self) -> States:
        """The state after the chunk."""
        return tuple([part.leaving for part in self.saved if isinstance(part, TAPES)])


@dataclass(slots=True)
class ThinTape:
    """The states of a chunk's steps, for each Recurrent."""

    states: list[Any]

    def arrays(self) -> list[Any]:
        """All that it holds, as a nest of arrays."""
        return [array for states in self.states for array in states.arrays()]

    def entering(self) -> States:
        """The state before the chunk."""
        return tuple([states.entering for states in self.states])

    def leaving(self) -> States:
        """The state after the chunk."""
        return tuple([states.leaving for states in self.states])


class Chunks:
    """Runs chunks of a problem."""

    def __init__(self, problem: Problem, *, seed: int, training: bool, memory: Reuse | None = None) -> None:
        self.workspace = workspace = Workspace(memory)
        self.begin(problem, seed=seed, training=training)
        found: dict[int, Layout] = layouts(self.model, problem.x_shape, problem.batch, problem.dtype)
        self.programs: dict[int, Any] = {}
        self.tables: dict[int, Any] = {}
        """By node, what gives a Recurrent the numbers of symbols, in place of their vectors."""
        for number, layout in found.items():
            node = self.parts.spelled.get(number)
            self.programs[number] = program = runner(layout, workspace, problem.backend, node)
            if node is not None and (table := getattr(program, "table", None)) is not None:
                self.tables[node.number] = table
        self.dense: dict[int, Any] = {}
        for node in (node for node in self.model.nodes if isinstance(node.block, Layer)):
            made = dense(node.block, problem.dtype, workspace, problem.backend, brief=node in self.parts.tail)
            self.dense |= {} if made is None else {node.number: made}

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        """Take another problem of the same kind."""
        self.problem, self.seed, self.training = problem, seed, training
        self.parts, self.shapes = parts_of(problem.model), problem.model.value_shapes(problem.x_shape)
        self.workspace.threads = threads_of(problem.backend)
        used = [owner[key] for owner, key in problem.model.slots.values()]
        self._fixed = fix_sizes([*used, *chain(*problem.state)])

    @property
    def model(self) -> Graph:
        return self.problem.model

    def rest(self) -> Chunks:
        """What may wait for another problem: it knows neither this one nor its model."""
        del self.problem, self.parts, self.shapes, self._fixed
        return self

    def prepare(self) -> None:
        """Take the memory that stays for a whole run, and pack weights as they are."""
        given = [program.prepare(self.problem.chunk) for program in self.programs.values()]
        given += [kernel.prepare() for kernel in self.dense.values()]
        pack([weights for several in given for weights in several], self.workspace.threads)

    def renew(self) -> None:
        """Pack weights as they are, of those that were packed for an earlier problem."""
        given = [program.renew() for program in self.programs.values()]
        given += [kernel.renew() for kernel in self.dense.values()]
        pack([weights for several in given for weights in several], self.workspace.threads)

    def finish(self, grads: Accumulators) -> None:
        """Add the gradients that are made once for a whole run."""
        for table in self.tables.values():
            table.finish(grads)

    def advance(self, n: int, states: States) -> States:
        """The state after chunk n."""
        return self._run(n, states)[0]

    @property
    def in_one_go(self) -> bool:
        """Whether kernels can advance chunks in one go: from an x that is as they read it, with nothing between."""
        (first, *others), x = self.parts.body or (None,), self.problem.x
        plain = isinstance(x, Held) and not x.fresh and lies(x.array) and x.dtype == self.problem.dtype
        return plain and not others and first is not None and hasattr(self.programs[first.number], "advance_all")

    def advance_all(self, n: int, wanted: tuple[bool, ...], states: States) -> list[States]:
        """The states after chunks from n on, one after the other, where they are ``wanted``; () elsewhere."""
        program, x = self.programs[self.parts.body[0].number], self.problem.inputs(n, len(wanted))
        found = program.advance_all(x, self.problem.chunk, wanted, *states)
        return [(state,) if yes else () for state, yes in zip(found, wanted, strict=True)]

    def outputs(self, n: int, states: States) -> tuple[States, Array]:
        """The state after chunk n, and the model's output for it."""
        after, values = self._run(n, states, output=True)
        for node in self.parts.tail:
            self._forward(node, values, n)
        return after, values[self.model.outputs[0]]

    def keep(self, n: int, states: States) -> ThinTape:
        """The thin tape of chunk n."""
        values, entering, found = self._begin(n), iter(states), []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context = self.programs[node.number], self._context(n, node)
                y, thin = program.keep(values[node.args[0]], next(entering), context, output=self._fed(node))
                values[node.outs[0]] = y
                found.append(thin)
            else:
                self._forward(node, values, n)
        return ThinTape(found)

    def record(self, n: int, states: States) -> ChunkTape:
        """The tape of chunk n."""
        return self._tape(n, [(state, None) for state in states])

    def rebuild(self, n: int, thin: ThinTape) -> ChunkTape:
        """The tape of chunk n from its states: equal to the recorded one to rounding."""
        return self._tape(n, [(None, states) for states in thin.states])

    def backward(
        self,
        n: int,
        tape: ChunkTape,
        loss: ChunkLoss,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Array | None = None,
    ) -> tuple[Any, Array | None]:
        """(loss, dx) of chunk n; ``dstates`` goes from the state after it to the state before it.

        Args:
            into: where dx may lie.
        """
        self.problem.x.check_there()  # a tape may have views of it
        values: list[Any] = [None] * self.model.n_values
        for k, frontier in tape.frontier.items():
            values[k] = frontier
        for node, kept in zip(self.parts.body, tape.saved, strict=True):
            if isinstance(node.block, Recurrent) and self._remade(node):
                values[node.outs[0]] = self.programs[node.number].output(kept)
        saved = [self._forward(node, values, n) for node in self.parts.tail]
        value, dy = loss(values[self.model.outputs[0]], n)
        del values
        deltas: Deltas = [None] * self.model.n_values
        deltas[self.model.outputs[0]] = dy
        del dy
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas, grads)
        for node, kept in zip(reversed(self.parts.body), reversed(tape.saved), strict=True):
            if isinstance(node.block, Recurrent):
                program, own = self.programs[node.number], take_deltas(node, deltas)
                place = into if node is self.parts.only else None
                deltas_after, context = dstates[node.number], partial(self._context, n, node)
                dx, dstates[node.number] = last_steps.backward(program, kept, own, deltas_after, grads, place, context)
                del own, deltas_after
                add_deltas(node, (dx,), deltas)
            else:
                self._backward_layer(node, kept, deltas, grads)
        return value, deltas[0]

    def _backward_layer(self, node: Node, saved: Any, deltas: Deltas, grads: Accumulators) -> None:
        kernel, (given, *others) = self.dense.get(node.number), [deltas[k] for k in node.outs]
        if kernel is not None and not others and kernel.takes(saved[0], given):
            own = take_deltas(node, deltas)
            add_deltas(node, (kernel.backward(saved[0], own, grads),), deltas)
            return
        dy = backward_node(node, saved, deltas, self.shapes)
        layer: Any = node.block
        if dy is not None and layer.params:
            grads.add(layer.params, read_off(node, saved, dy))

    def _forward(self, node: Node, values: list[Any], n: int) -> Saved:
        kernel, x = self.dense.get(node.number), values[node.args[0]]
        if node.number in self.tables:
            values[node.outs[0]] = self.tables[node.number].numbers(x)
            return ()
        if kernel is not None and kernel.takes(x):
            values[node.outs[0]] = kernel.forward(x)
            return (x,)
        saved = forward_node(node, values, self._context(n))
        check_outputs(node, values, self.problem.dtype, self.shapes)
        learn(node, values, self.shapes, AXES)
        return saved

    def _begin(self, n: int) -> list[Any]:
        return [self.problem.inputs(n), *[None] * (self.model.n_values - 1)]

    def _run(self, n: int, states: States, *, output: bool = False) -> tuple[States, list[Any]]:
        """Run the body and keep nothing; an output that only the tail needs is left out unless asked for."""
        values, entering, after = self._begin(n), iter(states), []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context = self.programs[node.number], self._context(n, node)
                needed = output or self._fed(node)
                y, state = program.advance(values[node.args[0]], next(entering), context, output=needed)
                values[node.outs[0]] = y
                after.append(state)
            else:
                self._forward(node, values, n)
        return tuple(after), values

    def _tape(self, n: int, given: list[tuple[Any, Any]]) -> ChunkTape:
        """Run the body and keep its internals; for each Recurrent its state, or the states of all steps, are given."""
        values, entering = self._begin(n), iter(given)
        saved: list[Any] = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context, x = self.programs[node.number], self._context(n, node), values[node.args[0]]
                state, states = next(entering)
                run, given_ = (program.record, state) if states is None else (program.rebuild, states)
                y, tape = run(x, given_, context, output=not self._remade(node))
                values[node.outs[0]] = y
                saved.append(tape)
            else:
                saved.append(self._forward(node, values, n))
        return ChunkTape(saved, {k: values[k] for k in self.parts.frontier if values[k] is not None})

    def _fed(self, node: Node) -> bool:
        return not self.parts.fed.isdisjoint(node.outs)

    def _remade(self, node: Node) -> bool:
        """Whether an output is made from the tape when the tail needs it, and not kept until then."""
        return self.programs[node.number].remakes_output and not self._fed(node)

    def _context(self, n: int, node: Node | None = None) -> Context:
        """Places of a model's own nodes are their numbers; each Recurrent has a range of its own."""
        span = self.problem.span(n)
        place = 0 if node is None else (node.number + 1) << 20
        return Context(self.seed, span.start, span.stop - span.start, place, self.training, self.problem.dtype)
