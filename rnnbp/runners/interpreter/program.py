"""The interpreter runs a Recurrent node by node over a chunk: the oracle of other backends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, final

import numpy as np

from rnnbp.graph.deltas import Deltas, alone, send
from rnnbp.graph.graph import Node
from rnnbp.graph.layout import Layout, check_declared, check_saved
from rnnbp.graph.node_calls import backward_node, read_off
from rnnbp.graph.node_checks import Values, check_outputs
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Saved
from rnnbp.rng import Context
from rnnbp.runners.base import Runner
from rnnbp.runners.interpreter.deltas_of_steps import put, put_deltas, put_input_delta
from rnnbp.runners.interpreter.leaves import Leaves
from rnnbp.runners.interpreter.tape import NodeTape, States
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import Tape, ThinTape

_Deltas: TypeAlias = tuple[Array | None, ...]


@final
class Interpreter(Runner):
    """Runs the cell of a Layout, chunk by chunk."""

    remakes_output = False

    def __init__(self, layout: Layout) -> None:
        self.layout, self.cell = layout, layout.cell
        self.nodes = {node.number: node for node in self.cell.nodes}
        """All of the cell's, by number."""
        self.layers = {n.number: n.block for n in self.cell.nodes if isinstance(n.block, Layer)}
        """Theirs, likewise."""
        self.leaves = Leaves(self.cell)

    def fewer(self, rows: int) -> Interpreter:
        return Interpreter(self.layout.of_rows(rows))

    def take(self, leaves: Mapping[int, Array]) -> None:
        """Nothing: they come with every chunk."""

    def prepare(self, length: int) -> None:
        """Nothing: each action takes its own memory."""

    def renew(self) -> None:
        """Nothing: weights are read where they are."""

    def advance(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, tuple[Array, ...]]:
        """(y, state) after a chunk; without ``output`` only what feeds the state runs."""
        nodes = self.cell.nodes if output else self.cell.feeding
        length = len(xs[self.layout.lead])
        y = self.layout.new(length, self.layout.shapes[self.cell.outputs[0]]) if output else None
        present = tuple(state)
        for t in range(length):
            here = replace(context, step=context.step + t, length=None)
            values = self._step(nodes, xs, t, present, here)
            if y is not None:
                y[t] = values[self.cell.outputs[0]]
            present = tuple([values[k] for k in self.cell.outputs[1:]])
            del values  # or the next step's would be there with them
        return y, tuple([s if s.base is None else s.copy() for s in present])

    def keep(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool
    ) -> tuple[Array | None, States]:
        """(y, states) of a chunk."""
        nodes = self.cell.nodes if output else self.cell.feeding
        length = len(xs[self.layout.lead])
        y = self.layout.new(length, self.layout.shapes[self.cell.outputs[0]]) if output else None
        states = self.layout.states(length)
        put(states, 0, state)
        for t in range(length):
            here = replace(context, step=context.step + t, length=None)
            values = self._step(nodes, xs, t, [s[t] for s in states], here)
            put(states, t + 1, [values[k] for k in self.cell.outputs[1:]])
            if y is not None:
                y[t] = values[self.cell.outputs[0]]
            del values
        return y, States(states)

    def record(
        self, xs: Sequence[Array], state: Sequence[Array], context: Context, *, output: bool = True
    ) -> tuple[Array, NodeTape]:
        """(y, tape) of a chunk; y may be a view of the tape, and is there anyway."""
        tape, layout = self._empty_tape(xs, context), self.layout
        y = self._output(tape)
        fresh = layout.new(tape.length, layout.shapes[self.cell.outputs[0]]) if y is None else None
        put(tape.states, 0, state)
        for t in range(tape.length):
            here = replace(context, step=context.step + t, length=None)
            values: Values = [*self._at(xs, t), *(s[t] for s in tape.states)]
            values += [None] * (self.cell.n_values - len(values))
            for node in self.cell.nodes:
                saved, seen = self.leaves.forward(node, values, xs, here)
                if t == 0:
                    check_declared(node, layout.keeps[node.number], saved, seen)
                    check_saved(node, saved, seen, 1)
                    check_outputs(node, seen, layout.dtype, layout.shapes)
                del seen  # or the values of a step would live on in the next
                self._settle(tape, node, t, saved, values)
            put(tape.states, t + 1, [values[k] for k in self.cell.outputs[1:]])
            if fresh is not None:
                fresh[t] = values[self.cell.outputs[0]]
        found = fresh if y is None else y
        assert found is not None
        return found, tape

    def rebuild(
        self, xs: Sequence[Array], known: ThinTape, context: Context, *, output: bool = True
    ) -> tuple[Array, NodeTape]:
        """(y, tape) from the states of ``keep``, which make a step feedforward: all run at once."""
        assert isinstance(known, States)
        states = known.states
        tape = NodeTape(context, tuple(xs), states, self._views(xs, states))
        values: Values = [tape.values[k] for k in range(self.layout.first)]
        values += [None] * (self.cell.n_values - len(values))
        for at, node in enumerate(self.cell.nodes):
            saved, seen = self.leaves.forward(node, values, xs, context)
            check_outputs(node, seen, self.layout.dtype, self.layout.shapes)
            check_saved(node, saved, seen, 2)
            del seen
            for v in node.outs:
                if v in self.layout.next_of:
                    values[v] = tape.values[v]
                elif v in self.layout.kept:
                    tape.values[v] = values[v] = np.ascontiguousarray(values[v])
            for v, last in self.layout.last_uses.items():
                if last == at and v != self.cell.outputs[0]:
                    values[v] = None
            keeps = self.layout.keeps[node.number]
            if keeps is None:
                tape.opaque[node.number] = [
                    tuple([part[t] for part in saved]) for t in range(tape.length)
                ]
            else:
                tape.extras[node.number] = saved[len(keeps.inputs) + len(keeps.outputs) :]
        y = self._output(tape)
        return (values[self.cell.outputs[0]] if y is None else y), tape

    def backward(
        self,
        tape: Tape,
        dy: Array | None,
        dstate: Sequence[Array | None],
        grads: Accumulator,
        into: Sequence[Array | None] = (),
    ) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
        """The delta recursion of a chunk, from its last step to its first, then the gradients.

        Args:
            dy: (L, B, ...), dstate: (B, ...) for each state, None for zero.
            into: where deltas of inputs may lie; compiled programs write them there.

        Returns the deltas of the inputs and those of the state that entered.
        """
        assert isinstance(tape, NodeTape)
        dxs, carried, dys = self._recursion(tape, dy, dstate)
        self._read_off(tape, dys, grads)
        return dxs, carried

    def _recursion(
        self, tape: NodeTape, dy: Array | None, dstate: Sequence[Array | None]
    ) -> tuple[_Deltas, _Deltas, dict[int, list[Array | None]]]:
        """(deltas of the inputs, of the state before, by node those that parameters wait for)."""
        length, carried, first = tape.length, tuple(dstate), self.cell.n_inputs
        dxs: list[Array | None] = [None] * first
        dys: dict[int, list[Array | None]] = {}
        for t in reversed(range(length)):
            deltas: Deltas = [None] * self.cell.n_values
            send(self.cell.outputs, (None if dy is None else dy[t], *carried), deltas)
            self.leaves.sum_outputs(deltas, self.layout.shapes)
            carried = ()  # no delta is held here that the walk is done with
            for node in reversed(self.cell.nodes):
                self._node_back(tape, node, t, deltas, dys)
            for k in range(first):
                dxs[k] = put_input_delta(dxs[k], t, deltas[k], length, self.cell.pers[k])
            carried = tuple(deltas[first : first + len(dstate)])
        return tuple(dxs), tuple([alone(delta) for delta in carried]), dys

    def _node_back(
        self, tape: NodeTape, node: Node, t: int, deltas: Deltas, dys: dict[int, list[Array | None]]
    ) -> None:
        """The deltas of a node's arguments; its own are put aside for its parameters."""
        held, shapes = self.leaves.hold(node, deltas), self.layout.shapes
        found = backward_node(node, self._saved(tape, node, t), deltas, shapes)
        self.leaves.add(held, deltas, shapes)
        if found is not None and self.layers[node.number].params:
            parts = found if isinstance(found, tuple) else (found,)
            put_deltas(dys.setdefault(node.number, [None] * len(parts)), t, parts, tape.length)

    def _step(
        self,
        nodes: Sequence[Node],
        xs: Sequence[Array],
        t: int,
        state: Sequence[Array],
        context: Context,
    ) -> Values:
        values: Values = [*self._at(xs, t), *state]
        values += [None] * (self.cell.n_values - len(values))
        for node in nodes:
            _, seen = self.leaves.forward(node, values, xs, context)
            if t == 0:
                check_outputs(node, seen, self.layout.dtype, self.layout.shapes)
        return values

    def _at(self, xs: Sequence[Array], t: int) -> list[Array]:
        """The inputs at a step, all with their batch axis."""
        found = [x[t] if per == "step" else x for x, per in zip(xs, self.cell.pers, strict=False)]
        for k in self.leaves.numbers:
            found[k] = np.broadcast_to(xs[k], (self.layout.batch, *xs[k].shape))
        return found

    def _empty_tape(self, xs: Sequence[Array], context: Context) -> NodeTape:
        length, layout = len(xs[self.layout.lead]), self.layout
        states = layout.states(length)
        values = self._views(xs, states) | {
            v: layout.new(length, layout.shapes[v]) for v in layout.buffered
        }
        opaque: dict[int, list[Saved]] = {
            n.number: [] for n in self.cell.nodes if layout.keeps[n.number] is None
        }
        return NodeTape(context, tuple(xs), states, values, opaque=opaque)

    def _views(self, xs: Sequence[Array], states: Sequence[Array]) -> dict[int, Array]:
        """The values that live in the inputs, at each step, and in the states."""
        length, pers, first = len(xs[self.layout.lead]), self.cell.pers, self.cell.n_inputs
        before = {
            k: x if pers[k] == "step" else np.broadcast_to(x, (length, *x.shape))
            for k, x in enumerate(xs)
        }
        for k in self.leaves.numbers:
            before[k] = np.broadcast_to(xs[k], (length, self.layout.batch, *xs[k].shape))
        before |= {k: s[:-1] for k, s in enumerate(states, start=first)}
        return before | {v: states[k][1:] for v, k in self.layout.next_of.items()}

    def _output(self, tape: NodeTape) -> Array | None:
        """y where it lives in the tape, or is a view of what does."""
        views = self.layout.output_views
        y = tape.values.get(views[-1].args[0] if views else self.cell.outputs[0])
        for node in reversed(views):
            y = None if y is None else self.layers[node.number].forward(y)[0]
        return y

    def _settle(self, tape: NodeTape, node: Node, t: int, saved: Saved, values: Values) -> None:
        """Move what step t needs for backward into the tape; ``values`` then refers to it there."""
        for v in node.outs:
            home = tape.values.get(v)
            if home is not None:
                home[t] = values[v]
                values[v] = home[t]
        keeps = self.layout.keeps[node.number]
        if keeps is None:
            tape.opaque[node.number].append(saved)
            return
        own = saved[len(keeps.inputs) + len(keeps.outputs) :]
        if t == 0:  # outside training dropout saves nothing
            tape.extras[node.number] = self.layout.extras(node.number, tape.length) if own else ()
        for home, part in zip(tape.extras[node.number], own, strict=True):
            home[t] = part

    def _saved(self, tape: NodeTape, node: Node, t: int | slice) -> Saved:
        """What a node saved in step t, or in a range of steps."""
        keeps = self.layout.keeps[node.number]
        if keeps is None:
            steps = tape.opaque[node.number]
            if isinstance(t, int):
                return steps[t]
            return tuple([np.stack(parts) for parts in zip(*steps[t], strict=True)])
        numbers = [node.args[k] for k in keeps.inputs] + [node.outs[k] for k in keeps.outputs]
        raw = self.leaves.raw(node)
        found = [tape.xs[v] if v in raw else tape.values[v][t] for v in numbers]
        return (*found, *(a[t] for a in tape.extras[node.number]))

    def _read_off(
        self, tape: NodeTape, dys: dict[int, list[Array | None]], grads: Accumulator
    ) -> None:
        """Parameter gradients of a chunk: one product per weight, over all its steps at once."""
        for number, parts in dys.items():
            node, layer = self.nodes[number], self.layers[number]
            saved = self._saved(tape, node, slice(None))
            grads.add(
                layer.params,
                read_off(node, saved, parts[0] if layer.n_outputs == 1 else tuple(parts)),
            )
