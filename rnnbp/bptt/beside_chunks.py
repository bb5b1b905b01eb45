"""Chunks of a sweep some of whose Recurrents run side by side, each by one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

from rnnbp.bptt import last_steps
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import ChunkLoss, Chunks, DeltaStates
from rnnbp.bptt.chunk_tapes import ChunkStates, ChunkTape
from rnnbp.bptt.node_runners import cell_sizes
from rnnbp.graph.deltas import Deltas, add_deltas, take_delta
from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import Values
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Saved
from rnnbp.runners.later import Later
from rnnbp.runners.side_by_side import Group, groups_of, place_of, worth
from rnnbp.runners.tapes import State, Tape, ThinTape
from rnnbp.runners.workspace import Workspace

T = TypeVar("T")


class BesideChunks(Chunks):
    """Runs chunks of a problem; where no Recurrents run side by side, as ``Chunks``."""

    def begin(self, problem: Problem, *, seed: int, training: bool) -> None:
        super().begin(problem, seed=seed, training=training)
        self.groups: tuple[Group, ...] = ()
        """The body, in order; () where each node runs by itself."""
        if len(self.parts.recurrent) > 1:
            self._divide(problem)

    def _divide(self, problem: Problem) -> None:
        """Find what runs side by side, and give each Recurrent of a group a workspace."""
        cells = cell_sizes(problem, self.parts)
        groups = groups_of(self.parts, cells)
        if all(len(group) == 1 for group in groups):
            return
        self.groups = groups
        new, shared = dict[int, Workspace](), self.workspace
        for number, k in place_of(groups).items():
            if k and number in cells and number not in shared.apart:
                shared.apart[number] = new.setdefault(k, shared.another())

    def rest(self) -> Chunks:
        self.groups = ()
        return super().rest()

    def _run(self, n: int, states: States, fed: frozenset[int]) -> tuple[States, Values]:
        if not self.groups:
            return super()._run(n, states, fed)
        given = self._by_number(states)

        def advance(node: Node, xs: Sequence[Array]) -> tuple[Array | None, State]:
            k = node.number
            context, output = self.context(n, node), k in fed
            return self.programs[k].advance(xs, given[k], context, output=output)

        values, after, _ = self._body(n, advance)
        return tuple(after), values

    def _keep(self, n: int, states: States, fed: frozenset[int]) -> tuple[ChunkStates, Values]:
        if not self.groups:
            return super()._keep(n, states, fed)
        given = self._by_number(states)

        def keep(node: Node, xs: Sequence[Array]) -> tuple[Array | None, ThinTape]:
            k = node.number
            context, output = self.context(n, node), k in fed
            return self.programs[k].keep(xs, given[k], context, output=output)

        values, found, _ = self._body(n, keep)
        return ChunkStates(found), values

    def _tape(self, n: int, given: Sequence[tuple[State | None, ThinTape | None]]) -> ChunkTape:
        if not self.groups:
            return super()._tape(n, given)
        entering = self._by_number(given)

        def tape(node: Node, xs: Sequence[Array]) -> tuple[Array | None, Tape]:
            program, context = self.programs[node.number], self.context(n, node)
            (state, thin), output = entering[node.number], node.number not in self.remade
            if state is not None:
                return program.record(xs, state, context, output=output)
            assert thin is not None
            return program.rebuild(xs, thin, context, output=output)

        values, tapes, others = self._body(n, tape)
        frontier = {k: values[k] for k in self.parts.frontier if values[k] is not None}
        return ChunkTape(tapes, others, frontier)

    def _by_number(self, given: Sequence[T]) -> dict[int, T]:
        """What there is for each Recurrent, in order, by its number."""
        numbers = [node.number for node in self.parts.recurrent]
        return dict(zip(numbers, given, strict=True))

    def _body(
        self, n: int, call: Callable[[Node, Sequence[Array]], tuple[Array | None, T]]
    ) -> tuple[Values, list[T], list[Saved]]:
        """Run the body: (its values, what ``call`` returns next to y, what the layers saved)."""
        values, found, saved = self._begin(n), list[T](), list[Saved]()
        for group in self.groups:
            if not isinstance(group[0].block, Recurrent):
                saved.append(self._forward(group[0], values, n))
                continue
            calls = [partial(call, node, self._inputs(node, values, n)) for node in group]
            for node, (y, kept) in zip(group, self._beside(n, group, calls), strict=True):
                values[node.outs[0]] = y
                found.append(kept)
        return values, found, saved

    def _beside(self, n: int, group: Group, calls: Sequence[Callable[[], T]]) -> list[T]:
        """Call for each Recurrent of a group on chunk n, and then run what all have prepared.

        Results are the same where they run in turn, as where there are threads for more than these.
        """
        programs, threads = [self.programs[node.number] for node in group], self.workspace.threads
        flops = [program.flops(self.problem.length(n)) for program in programs]
        if not worth(flops, programs[0].layout.batch, threads):
            return [call() for call in calls]
        later = Later()
        try:
            for program in programs:
                program.later(later)
            found = [call() for call in calls]
        finally:
            for program in programs:
                program.later(None)
        later.run(threads)
        return found

    def backward(
        self,
        n: int,
        tape: ChunkTape,
        loss: ChunkLoss,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Mapping[int, Array],
    ) -> tuple[Scalar, Deltas]:
        if not self.groups:
            return super().backward(n, tape, loss, dstates, grads, into)
        for part in self.problem.series:
            part.check_there()  # a tape may have views of it
        values, saved = self._tail(n, tape, self.parts.tail)
        value, deltas = loss(values, n)
        del values
        for node, kept in zip(reversed(self.parts.tail), reversed(saved), strict=True):
            self._backward_layer(node, kept, deltas, grads, into)
        tapes, others = self._by_number(tape.tapes), reversed(tape.saved)
        for group in reversed(self.groups):
            if isinstance(group[0].block, Recurrent):
                self._backward_group(n, group, tapes, deltas, dstates, grads, into)
            else:
                self._backward_layer(group[0], next(others), deltas, grads, into)
        return value, deltas

    def _backward_group(
        self,
        n: int,
        group: Group,
        tapes: Mapping[int, Tape],
        deltas: Deltas,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Mapping[int, Array],
    ) -> None:
        """Run Recurrents backward, and send on their deltas."""
        backward = partial(self._backward_one, n, tapes, deltas, dstates, grads, into)
        for nodes in self._at_once(group, tapes, dstates):
            found = self._beside(n, nodes, [partial(backward, node) for node in nodes])
            for node, dxs in zip(nodes, found, strict=True):
                left = self.fixed.left(node, dxs, grads.fixed) if grads.fixed else dxs
                add_deltas(node, left, deltas)

    def _at_once(
        self, group: Group, tapes: Mapping[int, Tape], dstates: DeltaStates
    ) -> Iterator[Group]:
        """The Recurrents of a group, the last first; one by one where the interpreter runs one."""
        nodes = group[::-1]
        programs = [(self.programs[node.number], node.number) for node in nodes]
        late = any(last_steps.late(program, tapes[k], dstates[k]) for program, k in programs)
        return iter([(node,) for node in nodes] if late else [nodes])

    def _backward_one(
        self,
        n: int,
        tapes: Mapping[int, Tape],
        deltas: Deltas,
        dstates: DeltaStates,
        grads: Accumulators,
        into: Mapping[int, Array],
        node: Node,
    ) -> tuple[Array | None, ...]:
        """The deltas of the inputs of a Recurrent."""
        k, own = node.number, take_delta(node, deltas)
        places = self.parts.places_of(node, into) if into else ()
        given = own, dstates[k], grads, places, partial(self.context, n, node)
        dxs, dstates[k] = last_steps.backward(self.programs[k], tapes[k], *given)
        return dxs
