"""Recurrents whose states are held past the end of a sequence, and begin anew within it.

The cell of such a Recurrent has more inputs than that of the one it is made of, behind its own:

- ``live`` (1,), with ``live``: at a step where it is less than ½ the state stays as it was.
- ``keep`` (1,), with ``resets``: at a step where it is less than ½ the state that enters is the
  initial one, and no gradient passes to the state before.
- ``initial_<state>``, per sequence, for each state whose initial value is not zeros, with
  ``resets``: that value for each row.

The step itself, and y, are as they were, also at steps that are not live: there y is the output for
a state that is held, which whoever takes y is to replace.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.rewritten import recurrent_of
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.values import Block, Per
from rnnbp.layers.base import Layer
from rnnbp.layers.choose import Choose
from rnnbp.numerics import Shape
from rnnbp.support.prepared import Remembered

LIVE, KEEP = "live", "keep"
"""The names of the inputs for flags, and by which flags are told apart in errors."""
FLAG: Shape = (1,)


def holding(
    recurrent: Recurrent, *, live: bool, resets: bool, given: Sequence[bool] = ()
) -> Recurrent:
    """The Recurrent that is run in place of another, with its parameters; made once.

    Args:
        live: whether it has an input ``live``. resets: whether it has an input ``keep``.
        given: for each state whether its initial value is an input, with ``resets``; () if those
            are whose initial value is learned. Their deltas are summed over the steps of a chunk.
    """
    initial = tuple(given) or (bool(recurrent.initial),) * len(recurrent.cell.state_shapes)
    key = live, resets, initial if resets else ()
    known = _held.of(recurrent)
    if key not in known:
        known[key] = recurrent_of(recurrent, _Writing(recurrent.cell, *key).cell)
    return known[key]


class _Writing:
    """A cell in writing: first its inputs and states, then nodes in the order in which they run."""

    def __init__(self, cell: Cell, live: bool, resets: bool, given: tuple[bool, ...]) -> None:
        n, m = cell.n_inputs, len(cell.state_shapes)
        # Nodes of the cell keep their numbers, which are the places of random numbers.
        self.number = max([node.number for node in cell.nodes], default=-1)
        named = zip(cell.state_names, cell.state_shapes, given, strict=bool(given))
        initial = [(name, shape) for name, shape, yes in named if yes]
        flags = [LIVE] * live + [KEEP] * resets
        names = [*flags, *[f"initial_{name}" for name, _ in initial]]
        shapes = [*[FLAG] * len(flags), *[shape for _, shape in initial]]
        often: tuple[Per, Per] = ("step", "sequence")
        pers = [often[name not in flags] for name in names]
        first, self.values, self.nodes = n + len(names), n + len(names) + m, list[Node]()
        states = range(first, first + m)
        entering = list[int](states)
        if resets:
            values, keep = iter(range(n + len(flags), first)), n + live
            others = [[next(values)] if yes else [] for yes in given]
            entering = [
                self._add(Choose(zero=not other), [keep, k, *other])
                for k, other in zip(states, others, strict=True)
            ]
        numbers = dict(enumerate([*range(n), *entering]))
        for node in cell.nodes:
            self._copy(node, numbers, n if live else None)
        y, *after = [numbers[k] for k in cell.outputs]
        if live:
            pairs = zip(after, states, strict=True)
            after = [self._add(Choose(), [n, new, old]) for new, old in pairs]
        self.cell = self._cell(cell, (y, *after), names, shapes, pers)

    def _add(self, block: Block, args: Sequence[int]) -> int:
        """Append a node of one output, whose number is returned."""
        self.number += 1
        self.nodes.append(Node(self.number, block, tuple(args), (self.values,)))
        self.values += 1
        return self.values - 1

    def _copy(self, node: Node, numbers: dict[int, int], live: int | None = None) -> None:
        """Append a node of the cell; ``numbers`` gains those of its outputs.

        Args:
            live: the number of the flag that a penalty also looks at.
        """
        if live is not None and isinstance(node.block, Layer) and node.block.charges:
            self._charge(node, numbers, live)
            return
        outs = tuple(range(self.values, self.values + len(node.outs)))
        args = tuple([numbers[k] for k in node.args])
        self.nodes.append(Node(node.number, node.block, args, outs))
        self.values += len(outs)
        numbers.update(zip(node.outs, outs, strict=True))

    def _charge(self, node: Node, numbers: dict[int, int], live: int) -> None:
        """Append a penalty, which sees 0 at steps that are not live, and charges nothing there."""
        value = numbers[node.args[0]]
        seen = self._add(Choose(zero=True), [live, value])
        self._copy(node, {**numbers, node.args[0]: seen})
        numbers[node.outs[0]] = self._add(Choose(), [live, self.values - 1, value])

    def _cell(
        self,
        cell: Cell,
        outputs: tuple[int, ...],
        names: list[str],
        shapes: list[Shape],
        pers: list[Per],
    ) -> Cell:
        """What has been written, with inputs of these names behind those of the cell."""
        new, n = Cell.__new__(Cell), cell.n_inputs
        new.nodes, new.outputs = tuple(self.nodes), outputs
        new.n_inputs, new.n_values, new.n_outputs = n + len(names), self.values, cell.n_outputs
        new.input_shapes = (*cell.input_shapes[:n], *shapes, *cell.state_shapes)
        new.input_names = (*cell.input_names[:n], *names, *cell.input_names[n:])
        new.pers = (*cell.pers[:n], *pers, *cell.pers[n:])
        new.state_shapes, new.state_names = cell.state_shapes, cell.state_names
        layers = [layer_of(node.block) for node in new.nodes]
        new.layers = tuple({id(layer): layer for layer in layers}.values())
        new.slots, new.leaf_dtype = cell.slots, cell.leaf_dtype
        new.name = cell.name or f"Recurrent({cell!r})"
        new.feeding = new.ancestors(new.outputs[1:])
        return new


_held = Remembered[Recurrent, dict[tuple[bool, bool, tuple[bool, ...]], Recurrent]](lambda _: {})
"""By Recurrent, those that are run in its place."""
