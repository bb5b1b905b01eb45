"""One chunk of a model, forward and backward: what the actions of a schedule do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import ClassVar, Self, TypeAlias

from rnnbp.bptt import last_steps
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk_tapes import ChunkStates, ChunkTape, Places
from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.bptt.leaves import drop_leaves, give_leaves
from rnnbp.bptt.node_runners import NodeRunners
from rnnbp.graph.deltas import Deltas, add_deltas, take_delta
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.model_split import lasting, parts_of
from rnnbp.graph.node_calls import backward_node, forward_node, learn, read_off
from rnnbp.graph.node_checks import Values, check_outputs
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.held import Held
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.layers.base import Layer
from rnnbp.losses.outputs import Scalar
from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Saved, fix_sizes, lies
from rnnbp.rng import Context
from rnnbp.runners.base import FusedRunner
from rnnbp.runners.select import threads_of
from rnnbp.runners.tapes import State, Tape, ThinTape
from rnnbp.runners.workspace import Workspace
from rnnbp.support.prepared import prepared

AXES = 2
"""Axes of a value before its features: steps and batch."""
ChunkLoss: TypeAlias = Callable[[Values, int], tuple[Scalar, Deltas]]
"""(values of the model, n) -> (value, their deltas) of chunk n: those of its outputs."""
DeltaStates: TypeAlias = dict[int, tuple[Array | None, ...]]
"""By node number, the deltas of a Recurrent's state; None is zero."""


class Chunks:
    """Runs chunks of a problem."""

    fixed_nodes: ClassVar[type[FixedNodes]] = FixedNodes
    """What runs the nodes that are the same at all steps."""

    def __init__(
        self, problem: Problem, *, seed: int, training: bool, memory: Reuse | None = None
    ) -> None:
        self.workspace = Workspace(memory)
        self.begin(problem, seed=seed, training=training)
        self.runners = runners = NodeRunners(problem, self.parts, self.workspace)
        self.programs, self.tables, self.layers = runners.programs, runners.tables, runners.layers
        self.states = frozenset([node.number for node in self.parts.recurrent])
        """The Recurrents, by number."""
        self.fed = self.states & {n.number for n in self.parts.body if self._feeds_body(n)}
        """Those whose output some node of the body takes: even an Advance computes it."""
        again = {k for k, program in self.programs.items() if program.remakes_output}
        self.remade = (self.states - self.fed) & again
        """Those whose output is not kept, but computed from the tape when the tail needs it."""

    @classmethod
    def left(cls, memory: Reuse, problem: Problem, seed: int) -> Self | None:
        """What the last run left in ``memory``, begun anew; None if that is of another kind."""
        found = memory.kit(prepared(lasting(problem.model)), cls)
        if found is not None:
            found.begin(problem, seed=seed, training=problem.training)
        return found

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        """Take another problem of the same kind."""
        self.problem, self.seed, self.training = problem, seed, training
        self.parts = parts_of(problem.model)
        self.shapes = problem.model.value_shapes(*problem.shapes)
        given = problem, self.parts, self.shapes
        self.fixed = self.fixed_nodes(*given, seed=seed, training=training)
        self.workspace.threads = threads_of(problem.backend)
        used = [owner[key] for owner, key in problem.model.slots.values()]
        self._fixed = fix_sizes([*used, *chain(*problem.state)])

    @property
    def model(self) -> Graph:
        return self.problem.model

    def rest(self) -> Chunks:
        """What may wait for another problem: it knows neither this one nor its model."""
        if self.fixed.any:
            drop_leaves(self.parts, self.programs)
        del self.problem, self.parts, self.shapes, self.fixed, self._fixed
        return self

    def advance(self, n: int, states: States) -> States:
        """The state after chunk n."""
        return self._run(n, states, self.fed)[0]

    def compute_fixed(self, *, keep: bool) -> None:
        """Compute the values that are the same at all steps, before weights are packed."""
        if self.fixed.any:
            self.fixed.forward(keep=keep)
            give_leaves(self.parts, self.programs, self.fixed.values)

    @property
    def in_one_go(self) -> bool:
        """True if kernels can advance chunks in one go: x is as they read it, nothing between."""
        x, dtype = self.problem.x, self.problem.dtype
        array = x.array if isinstance(x, Held) else None
        plain = array is not None and lies(array) and x.dtype == dtype
        return plain and self._fused is not None

    @property
    def _fused(self) -> FusedRunner | None:
        """What advances several chunks by one call: nothing else runs between their steps."""
        body, parts = self.parts.body, self.parts
        if len(body) != 1 or body[0].number in parts.widened:
            return None
        alone = all(k == parts.x or parts.pers[k] != "step" for k in body[0].args)
        return self.programs[body[0].number].fused if alone else None

    def advance_all(self, n: int, wanted: tuple[bool, ...], states: States) -> list[States]:
        """The states after chunks from n on where they are ``wanted``; () elsewhere."""
        fused, x = self._fused, self.problem.inputs(n, len(wanted))
        assert fused is not None
        xs = [x if k == self.parts.x else self.fixed.values[k] for k in self.parts.body[0].args]
        found = fused.advance_all(xs, self.problem.chunk, wanted, *states)
        return [(state,) if yes else () for state, yes in zip(found, wanted, strict=True)]

    def outputs(self, n: int, states: States) -> tuple[States, Array]:
        """The state after chunk n, and the model's output for it."""
        after, values = self._run(n, states, self.states)
        for node in self.parts.tail:
            self._forward(node, values, n)
        return after, values[self.model.outputs[0]]

    def keep(self, n: int, states: States) -> ChunkStates:
        """The thin tape of chunk n."""
        return self._keep(n, states, self.fed)[0]

    def record(self, n: int, states: States) -> ChunkTape:
        """The tape of chunk n."""
        return self._tape(n, [(state, None) for state in states])

    def rebuild(self, n: int, thin: ChunkStates) -> ChunkTape:
        """The tape of chunk n from its states: equal to the recorded one to rounding."""
        return self._tape(n, [(None, states) for states in thin.tapes])

    def backward(
        self,
        n: int,
        tape: ChunkTape,
        loss: ChunkLoss,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Places,
    ) -> tuple[Scalar, Deltas]:
        """(loss, deltas of the model's values) of chunk n: those of the inputs are left.

        ``dstates`` goes from the state after it to the state before it.
        """
        for part in self.problem.series:
            part.check_there()  # a tape may have views of it
        values, saved = self._tail(n, tape, self.parts.tail)
        value, deltas = loss(values, n)
        del values
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas, grads, into)
        tapes, others = reversed(tape.tapes), reversed(tape.saved)
        for node in reversed(self.parts.body):
            if isinstance(node.block, Recurrent):
                own = take_delta(node, deltas)
                places = self.parts.places_of(node, into) if into else ()
                given = own, dstates[node.number], grads, places, partial(self.context, n, node)
                program, whole = self.programs[node.number], next(tapes)
                dxs, dstates[node.number] = last_steps.backward(program, whole, *given)
                del own, given
                left = self.fixed.left(node, dxs, grads.fixed) if grads.fixed else dxs
                add_deltas(node, left, deltas)
            else:
                self._backward_layer(node, next(others), deltas, grads, into)
        return value, deltas

    def _tail(self, n: int, tape: ChunkTape, nodes: Sequence[Node]) -> tuple[Values, list[Saved]]:
        """Run ``nodes`` of the tail: (the values that the loss starts from, what they saved)."""
        values = [*self.fixed.known]
        for k, frontier in tape.frontier.items():
            values[k] = frontier
        for node, whole in zip(self.parts.recurrent, tape.tapes, strict=True):
            if node.number in self.remade:
                values[node.outs[0]] = self.programs[node.number].output(whole)
        return values, [self._forward(node, values, n) for node in nodes]

    def _backward_layer(
        self, node: Node, saved: Saved, deltas: Deltas, grads: Accumulators, into: Places
    ) -> None:
        kernel, (dy, *more) = self.layers.get(node.number), [deltas[k] for k in node.outs]
        if kernel is not None and dy is not None and not more and kernel.takes(*saved, dy):
            take_delta(node, deltas)
            places = self.parts.places_of(node, into)
            add_deltas(node, (kernel.backward(saved, dy, grads, places),), deltas)
            return
        dy = backward_node(node, saved, deltas, self.shapes)
        layer: Layer = node.block  # type: ignore[assignment]  # of a Layer; a check takes time
        if dy is not None and layer.params:
            grads.add(layer.params, read_off(node, saved, dy))
        if node.number in self.parts.crossed:
            self.fixed.collect(node, deltas, grads.fixed)

    def _forward(self, node: Node, values: Values, n: int) -> Saved:
        kernel, x = self.layers.get(node.number), values[node.args[0]]
        if node.number in self.tables:
            values[node.outs[0]] = self.tables[node.number].numbers(x)
            return ()
        if kernel is not None and kernel.takes(x):
            values[node.outs[0]], saved = kernel.forward(x)
            return saved
        wide = node.number in self.parts.widened
        seen = self.fixed.spread(node, values, n) if wide else values
        saved = forward_node(node, seen, self.context(n))
        check_outputs(node, seen, self.problem.dtype, self.shapes)
        learn(node, seen, self.shapes, AXES)
        if wide:
            for k in node.outs:
                values[k] = seen[k]
        return saved

    def _begin(self, n: int) -> Values:
        values = [*self.fixed.known]
        values[self.parts.x] = self.problem.inputs(n)
        if self.problem.others.series:
            self.problem.fill(values, n)
        return values

    def _inputs(self, node: Node, values: Values, n: int) -> list[Array]:
        """The inputs of a Recurrent."""
        xs = [*map(values.__getitem__, node.args)]  # for one, faster than a comprehension
        return self.fixed.widened(node, xs, n) if node.number in self.parts.widened else xs

    def _run(self, n: int, states: States, fed: frozenset[int]) -> tuple[States, Values]:
        """Run the body and keep nothing. ``fed``: the Recurrents whose outputs are computed."""
        values, entering, after = self._begin(n), iter(states), []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context = self.programs[node.number], self.context(n, node)
                xs, output = self._inputs(node, values, n), node.number in fed
                y, state = program.advance(xs, next(entering), context, output=output)
                values[node.outs[0]] = y
                after.append(state)
            else:
                self._forward(node, values, n)
        return tuple(after), values

    def _keep(self, n: int, states: States, fed: frozenset[int]) -> tuple[ChunkStates, Values]:
        """Run the body and keep the states around its steps; ``fed`` as ``_run`` has it."""
        values, entering = self._begin(n), iter(states)
        found: list[ThinTape] = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context = self.programs[node.number], self.context(n, node)
                xs, output = self._inputs(node, values, n), node.number in fed
                y, thin = program.keep(xs, next(entering), context, output=output)
                values[node.outs[0]] = y
                found.append(thin)
            else:
                self._forward(node, values, n)
        return ChunkStates(found), values

    def _tape(self, n: int, given: Sequence[tuple[State | None, ThinTape | None]]) -> ChunkTape:
        """Run the body and keep its internals, from states or thin tapes of the Recurrents."""
        values, entering = self._begin(n), iter(given)
        tapes: list[Tape] = []
        others: list[Saved] = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                program, context = self.programs[node.number], self.context(n, node)
                xs, (state, thin) = self._inputs(node, values, n), next(entering)
                output = node.number not in self.remade
                if state is not None:
                    y, tape = program.record(xs, state, context, output=output)
                else:
                    assert thin is not None
                    y, tape = program.rebuild(xs, thin, context, output=output)
                values[node.outs[0]] = y
                tapes.append(tape)
            else:
                others.append(self._forward(node, values, n))
        frontier = {k: values[k] for k in self.parts.frontier if values[k] is not None}
        return ChunkTape(tapes, others, frontier)

    def _feeds_body(self, node: Node) -> bool:
        return not self.parts.fed.isdisjoint(node.outs)

    def context(self, n: int, node: Node | None = None) -> Context:
        """Nodes of the model have their numbers as places, each Recurrent a range of its own."""
        span = self.problem.span(n)
        place = 0 if node is None else (node.number + 1) << 20
        length, dtype = span.stop - span.start, self.problem.dtype
        return Context(self.seed, span.start, length, place, self.training, dtype)
